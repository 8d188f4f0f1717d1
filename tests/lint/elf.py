"""What the compiler and the linker were asked for, read back from finished binaries. Names what is missing.

    elf.py FILE...                      programs that use the system's libraries
    elf.py --static ARCHIVE... -- FILE...  self-contained programs, and the archives of our own code that they were linked from

The mark for shadow stacks is not looked for: Debian's own start files lack it, so that no program there can have it."""

from __future__ import annotations

import re
import subprocess
import sys

FORTIFIED = r"__\w+_chk\b(?<!__stack_chk)"


def readelf(*arguments: str) -> str:
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True, check=True).stdout


def missing(found: dict[str, bool]) -> list[str]:
    return [what for what, holds in found.items() if not holds]


def hardening(path: str) -> dict[str, bool]:
    """What both kinds of programs have."""
    headers, segments, dynamic, sections = (readelf(option, path) for option in ("-h", "-l", "-d", "-S"))
    flags = [line.split()[6:-1] for line in segments.splitlines() if line.split()[:1] == ["LOAD"]]
    stack = re.search(r"GNU_STACK.*", segments)
    return {
        "is position independent": "DYN (Position-Independent Executable" in headers,
        "relocations are read-only (GNU_RELRO)": "GNU_RELRO" in segments,
        "all symbols are bound at the start (BIND_NOW)": re.search(r"FLAGS.*(BIND_NOW|NOW)", dynamic) is not None,
        "the stack is not executable": stack is not None and "RWE" not in stack[0] and " E " not in stack[0],
        "nothing is writable and executable": all(not ({"W", "E"} <= set("".join(one))) for one in flags),
        "has no RPATH or RUNPATH": "(RPATH)" not in dynamic and "(RUNPATH)" not in dynamic,
        "has no text relocations": "TEXTREL" not in dynamic,
        "is stripped": ".symtab" not in sections,
    }


def checked_code(symbols: str) -> dict[str, bool]:
    return {
        "has stack protectors": "__stack_chk_fail" in symbols,
        "has checked library calls (FORTIFY)": re.search(FORTIFIED, symbols) is not None,
    }


def faults(path: str) -> list[str]:
    """Empty for a program as the distribution's build should make it."""
    return missing({**hardening(path), "has an interpreter": "INTERP" in readelf("-l", path), **checked_code(readelf("--dyn-syms", path))})


def static_faults(path: str) -> list[str]:
    """Empty for a self-contained program. It has no symbols left that would tell how its code was compiled."""
    return missing({
        **hardening(path),
        "has no interpreter": "INTERP" not in readelf("-l", path),
        "needs no library (NEEDED)": "(NEEDED)" not in readelf("-d", path),
        "has a build id": re.search(r"Build ID: [0-9a-f]{40}$", readelf("-n", path), re.MULTILINE) is not None,
    })


def archive_faults(paths: list[str]) -> list[str]:
    """Our own code, in all archives together: a small one may have nothing to protect."""
    return missing(checked_code("".join(readelf("-s", path) for path in paths)))


def main(arguments: list[str]) -> int:
    told = []
    if arguments[0] == "--static":
        end = arguments.index("--")
        archives, programs, check = arguments[1:end], arguments[end + 1:], static_faults
        told += [f"our own code: not so: {what}" for what in archive_faults(archives)]
    else:
        programs, check = arguments, faults
    told += [f"{program}: not so: {what}" for program in programs for what in check(program)]
    for line in told:
        print(line)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
