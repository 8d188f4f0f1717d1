"""What can be seen of a text file without knowing what it says: check_files.py FILE... Names each fault; the exit status is 1 if there is one.

Line ends, blanks at their end, the last line's end, marks of an unfinished merge; and that Python, JSON and YAML can be read."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

try:
    import yaml
except ImportError:  # without the project's venv
    yaml = None

RULES = [
    (re.compile(rb"\r$", re.MULTILINE), "a line that ends with a carriage return"),
    (re.compile(rb"[ \t]+$", re.MULTILINE), "blanks at the end of a line"),
    (re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE), "an unfinished merge"),
    (re.compile(rb"[^\n]\Z"), "the last line has no end"),
    (re.compile(rb"\n\n\Z"), "empty lines at the end"),
]


def readers(path: Path, text: bytes) -> list:
    is_python = path.suffix == ".py" or re.match(rb"#!.*\bpython", text)
    return [read for applies, read in [
        (is_python, lambda: compile(text, str(path), "exec")),
        (path.suffix == ".json", lambda: json.loads(text)),
        (path.suffix in (".yml", ".yaml") and yaml, lambda: list(yaml.safe_load_all(text))),
    ] if applies]


def faults(path: Path) -> list[str]:
    text = path.read_bytes()
    if b"\0" in text or not text:
        return []
    found = [f"{path}:{text.count(bytes([10]), 0, hit.start()) + 1}: {what}" for pattern, what in RULES for hit in [pattern.search(text)] if hit]
    for read in readers(path, text):
        try:
            read()
        except Exception as fault:  # whatever a parser raises
            found.append(f"{path}: {str(fault).splitlines()[0]}")
    return found


def main() -> int:
    found = [fault for name in sys.argv[1:] if Path(name).is_file() for fault in faults(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
