"""What a mutant changes: one place of one line of C."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Pattern and what replaces the match. Each place where a pattern matches is one mutant.
OPERATORS = [
    (re.compile(r" <= "), " < "), (re.compile(r" >= "), " > "), (re.compile(r" < "), " <= "), (re.compile(r" > "), " >= "),
    (re.compile(r" == "), " != "), (re.compile(r" != "), " == "), (re.compile(r" && "), " || "), (re.compile(r" \|\| "), " && "),
    (re.compile(r"\btrue\b"), "false"), (re.compile(r"\bfalse\b"), "true"),
    (re.compile(r" \+ 1\b"), " + 2"), (re.compile(r" - 1\b"), " - 0"), (re.compile(r"\+\+"), "--"), (re.compile(r" \+= "), " -= "),
    (re.compile(r"\bif \((.*)\)(?=( \{)?$)"), r"if (!(\1))"), (re.compile(r"(?<=[(&| ])!(?=[a-z(])"), ""),
    (re.compile(r"^(\s+)VP_TRY\((.*)\);$"), r"\1(void)\2;"),
    (re.compile(r"^(\s+)[a-z]\w*\([^;{}]*\);$"), r"\1;"),
    (re.compile(r"\bcontinue;"), "break;"), (re.compile(r"\bbreak;"), ";"),
]
NOT_CODE = re.compile(r"^\s*(/\*|\*|#|static const char|//)|^\S.*;$|assert\(|^\s*VP_AUTO")


@dataclass(frozen=True, order=True)
class Mutant:
    file: str
    nth: int  # which of the lines of this text
    line: str
    changed: str

    def apply(self, source: str) -> str | None:
        """The file with the mutant in it; None if its line is gone."""
        lines = source.split("\n")
        places = [i for i, line in enumerate(lines) if line == self.line]
        if self.nth >= len(places):
            return None
        lines[places[self.nth]] = self.changed
        return "\n".join(lines)


def mutants_of(file: str, source: str) -> list[Mutant]:
    found, seen = [], {}
    for line in source.split("\n"):
        nth = seen.get(line, 0)
        seen[line] = nth + 1
        if NOT_CODE.search(line) or '"' in line and "err" in line and "fail" in line:
            continue
        for pattern, replacement in OPERATORS:
            for match in pattern.finditer(line):
                found.append(Mutant(file, nth, line, line[:match.start()] + match.expand(replacement) + line[match.end():]))
    return found
