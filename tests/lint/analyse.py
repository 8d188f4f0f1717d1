"""Three analysers over src/, and every finding either mended or reviewed: analyse.py BUILD [TOOL ...].

clang-tidy (with the path-sensitive checks of scan-build) reads the compile commands of BUILD/fuzz, gcc -fanalyzer those of BUILD/release; cppcheck
needs none. analyse_reviewed.tsv lists what was looked at and found to be none of ours, with the reason; a finding that is not there
fails, and so does a row that nothing finds any more."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REVIEWED = Path(__file__).with_name("analyse_reviewed.tsv")
FINDING = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+):\d+: (?:warning|error|performance|portability|style): (?P<text>.*) \[(?P<check>[\w.,=-]+)\]$")


def commands(build: Path) -> dict[str, dict]:
    """The compile command of each of our own files."""
    entries = json.loads((build / "compile_commands.json").read_text())
    found = {str(Path(entry["file"]).relative_to(ROOT)): entry for entry in entries if ROOT / "src" in Path(entry["file"]).parents}
    assert found, f"no compile commands in {build}"
    return found


def run(*command: str, cwd: str | Path = ROOT) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    return done.stdout + done.stderr


def clang_tidy(build: Path) -> str:
    files = sorted(commands(build / "fuzz"))
    with ThreadPoolExecutor(2) as pool:
        return "".join(pool.map(lambda file: run("clang-tidy", "-p", str(build / "fuzz"), "--quiet", file), files))


def gcc_analyzer(build: Path) -> str:
    def one(entry: dict) -> str:
        arguments = shlex.split(entry["command"])
        arguments[arguments.index("-o") + 1] = "/dev/null"
        return run(*arguments, "-fanalyzer", "-Wno-error", cwd=entry["directory"])

    with ThreadPoolExecutor(2) as pool:
        return "".join(pool.map(one, commands(build / "release").values()))


def cppcheck(build: Path) -> str:
    return run("cppcheck", "--enable=warning,performance,portability", "--std=c11", "--quiet", "-j2", "-Iinclude", f"-I{build}/release/generated",
               "--suppress=missingIncludeSystem", "--template={file}:{line}:{column}: {severity}: {message} [{id}]", "src")


TOOLS = {"clang-tidy": clang_tidy, "gcc": gcc_analyzer, "cppcheck": cppcheck}


def findings(tool: str, output: str) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for line in sorted(set(output.splitlines())):
        match = FINDING.match(line)
        if match is None:
            continue
        file = Path(match["file"])
        name = str(file.relative_to(ROOT) if file.is_absolute() else file)
        check = match["check"].split(",")[0].removeprefix("-W")
        if name.startswith(("src/", "include/")):
            found.setdefault((tool, name, check), []).append(f"{name}:{match['line']}: {match['text']} [{tool} {check}]")
    return found


def main() -> int:
    build, tools = Path(sys.argv[1]), sys.argv[2:] or list(TOOLS)
    rows = [line.split("\t") for line in REVIEWED.read_text().splitlines() if line and not line.startswith("#")]
    rows = [row for row in rows if row[0] in tools]
    reviewed = Counter({(tool, file, check): int(count) for tool, file, check, count, _why in rows})
    wrong, seen = [], Counter()
    for tool in tools:
        for key, lines in findings(tool, TOOLS[tool](build)).items():
            seen[key] = len(lines)
            if len(lines) > reviewed[key]:
                wrong += lines
    wrong += [f"reviewed, and no longer found: {' '.join(key)}" for key in reviewed if seen[key] < reviewed[key]]
    for line in wrong:
        print(line)
    print(f"{sum(seen.values())} findings by {len(tools)} analysers, {sum(reviewed.values())} of them reviewed, {len(wrong)} to mend")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
