"""What the compiler and the linker were asked for, read back from a finished binary: elf.py FILE. Names what is missing.

The mark for shadow stacks is not looked for: Debian's own start files lack it, so that no program there can have it."""

from __future__ import annotations

import re
import subprocess
import sys


def readelf(*arguments: str) -> str:
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True, check=True).stdout


def faults(path: str) -> list[str]:
    """Empty for a binary as a release should be."""
    headers, segments, dynamic, symbols, sections = (readelf(option, path) for option in ("-h", "-l", "-d", "--dyn-syms", "-S"))
    flags = [line.split()[6:-1] for line in segments.splitlines() if line.split()[:1] == ["LOAD"]]
    stack = re.search(r"GNU_STACK.*", segments)
    found = {
        "is position independent": "DYN (Position-Independent Executable" in headers and "INTERP" in segments,
        "relocations are read-only (GNU_RELRO)": "GNU_RELRO" in segments,
        "all symbols are bound at the start (BIND_NOW)": re.search(r"FLAGS.*(BIND_NOW|NOW)", dynamic) is not None,
        "the stack is not executable": stack is not None and "RWE" not in stack[0] and " E " not in stack[0],
        "nothing is writable and executable": all(not ({"W", "E"} <= set("".join(one))) for one in flags),
        "has no RPATH or RUNPATH": "(RPATH)" not in dynamic and "(RUNPATH)" not in dynamic,
        "has no text relocations": "TEXTREL" not in dynamic,
        "has stack protectors": "__stack_chk_fail" in symbols,
        "has checked library calls (FORTIFY)": re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols) is not None,
        "is stripped": ".symtab" not in sections,
    }
    return [what for what, holds in found.items() if not holds]


if __name__ == "__main__":
    missing = faults(sys.argv[1])
    for what in missing:
        print(f"{sys.argv[1]}: not so: {what}")
    sys.exit(1 if missing else 0)
