"""Makes each docs/diagrams/NAME.d2 a picture docs/NAME.svg.

    diagrams.py D2 SOURCES TARGET      the d2 program, the folder of the sources, the folder for the pictures

d2 draws; here the picture gets the words for those who can't see it, and colours for dark mode. The same source gives the same bytes.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

STYLE = "style.d2"
# Colours that style.d2 names, and what they are in dark mode: fills dark, lines and letters light.
DARK = {
    "#fff1e0": "#46280f", "#c2570c": "#fb923c",
    "#dff5e5": "#0f3a20", "#15803d": "#4ade80",
    "#e6eefc": "#17264d", "#1d4ed8": "#93b4fd",
    "#eceef2": "#3a3f4b", "#475569": "#a3adbd",
    "#1f2937": "#e5e7eb",
}


def words(source: str, key: str) -> str:
    """A comment `# key: ...` at the head of a source, with its continuation lines."""
    found = re.search(rf"^# {key}: (.*(?:\n#   .*)*)", source, re.MULTILINE)
    if not found:
        raise SystemExit(f"a diagram needs a line '# {key}: ...' for screen readers")
    return " ".join(found[1].replace("\n#", " ").split())


def dark_mode() -> str:
    rules = "".join(f'[{kind}="{light}"]{{{kind}:{dark}}}' for light, dark in DARK.items()
                    for kind in ("fill", "stroke"))
    return f"<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style>"


def draw(d2: str, style: str, source: str) -> str:
    done = subprocess.run([d2, "-", "-"], input=style + source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', done.stdout)
    head = (f'<svg role="img" aria-labelledby="title desc" width="{size[1]}" height="{size[2]}"')
    text = (f'<title id="title">{html.escape(words(source, "title"))}</title>'
            f'<desc id="desc">{html.escape(words(source, "desc"))}</desc>')
    before, inner, rest = done.stdout.partition("<svg class=")
    return before.replace("<svg", head, 1) + text + dark_mode() + inner + rest.rstrip() + "\n"


def main(d2: str, sources: Path, target: Path) -> None:
    style = (sources / STYLE).read_text()
    for source in sorted(sources.glob("*.d2")):
        if source.name != STYLE:
            (target / f"{source.stem}.svg").write_text(draw(d2, style, source.read_text()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
