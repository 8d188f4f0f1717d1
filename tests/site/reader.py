"""Somebody who follows a page: types its commands in their order, in one shell, as whoever a heading names."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIECE = re.compile(r"^## (?P<heading>[^\n]+)$|^```sh\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs between people: a variable that somebody has not is None.
Person = Mapping[str, str | None]


@dataclass
class Reader:
    place: Path  # where he types
    state: Path  # what his shell knows from one block to the next
    env: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, heading: str) -> Person:
        return next((person for words, person in self.people.items() if words in heading.lower()), {})

    def type(self, block: str, person: Person) -> str:
        """One block. What it sets is there in the next one, but for what makes the person."""
        lines = [f"export {key}={shlex.quote(value)}" if value is not None else f"unset {key}" for key, value in person.items()]
        script = "\n".join(["set -aeuo pipefail", f"[ ! -f {self.state} ] || . {self.state}", *lines, block, f"export -p > {self.state}"])
        done = subprocess.run(["bash", "-c", script], cwd=self.place, env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        return done.stdout

    def follow(self, page: str, before: dict[str, Callable[[], None]] | None = None) -> dict[str, str]:
        """The output of each section by its heading; `before` says what happens in the world before a section's commands."""
        shown: dict[str, str] = {}
        happens = dict(before or {})
        heading = ""
        for piece in PIECE.finditer((ROOT / "docs" / page).read_text()):
            if piece["heading"]:
                heading = piece["heading"]
                happens.pop(heading, lambda: None)()
            else:
                shown[heading] = shown.get(heading, "") + self.type(piece["block"], self.person(heading))
        assert not happens, f"{page} has no section {list(happens)}"
        assert shown, f"{page} has no commands"
        return shown
