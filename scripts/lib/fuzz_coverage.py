"""Writes docs/evidence/fuzzing.md: the targets, the figures of their last run, and which lines of src/ their corpora alone reach.

fuzz_coverage.py BUILD CORPORA LOGS PAGE"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path


def purpose(source: Path) -> str:
    """The comment that a target begins with: what goes in and what must hold."""
    comment = source.read_text().split("/*", 1)[1].split("*/", 1)[0]
    return " ".join(line.strip(" *") for line in comment.splitlines()).strip()


def last_figures(log: Path) -> tuple[str, str, str]:
    text = log.read_text(errors="replace") if log.exists() else ""
    found = [re.findall(pattern, text) for pattern in (r"number_of_executed_units: *(\d+)", r"average_exec_per_sec: *(\d+)", r"ft: (\d+)")]
    return tuple(f"{int(one[-1]):,}" if one else "-" for one in found)


def run_corpora(build: Path, corpora: Path) -> list[dict]:
    """Per source file: lines that there are, and lines that some corpus reaches."""
    programs = sorted((build / "fuzz").glob("fuzz_*"))
    profiles = []
    for program in programs:
        profile = build / f"{program.name}.profraw"
        subprocess.run([program, "-runs=0", corpora / program.name.removeprefix("fuzz_")], check=True, capture_output=True,
                       env={**os.environ, "LLVM_PROFILE_FILE": str(profile)})
        profiles.append(profile)
    merged = build / "all.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", *profiles, "-o", merged], check=True)
    objects = [argument for program in programs[1:] for argument in ("-object", str(program))]
    told = subprocess.run(["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", programs[0], *objects], check=True, capture_output=True)
    return json.loads(told.stdout)["data"][0]["files"]


def main() -> None:
    build, corpora, logs, page = (Path(argument) for argument in sys.argv[1:])
    root = page.parents[1]
    lines = ["# Fuzzing", "", "Written by `scripts/fuzz --coverage`; do not edit. Targets lie in `tests/fuzz`, one file each, their corpora in",
             "`tests/fuzz/corpus`, an archive each. `scripts/test` runs each for a while, `scripts/fuzz --seconds N` as long as you like.", "",
             f"Figures of {datetime.date.today()}: executions and features of the last run here, with ASan and UBSan on two cores.", "",
             "| target | what goes in, what must hold | files | executions | a second | features |", "|---|---|---|---|---|---|"]
    for folder in sorted(corpora.iterdir()):
        executed, per_second, features = last_figures(logs / f"{folder.name}.log")
        files = len(list(folder.iterdir()))
        lines.append(f"| `{folder.name}` | {purpose(root / f'tests/fuzz/fuzz_{folder.name}.c')} | {files} | {executed} | {per_second} | {features} |")
    lines += ["", "## What the corpora alone reach", "", "| file | lines | reached |", "|---|---|---|"]
    total = reached = 0
    for file in sorted(run_corpora(build, corpora), key=lambda file: file["filename"]):
        name = Path(file["filename"])
        if (root / "src") not in name.parents:
            continue
        summary = file["summary"]["lines"]
        total += summary["count"]
        reached += summary["covered"]
        lines.append(f"| `{name.relative_to(root)}` | {summary['count']} | {summary['percent']:.1f} % |")
    lines.append(f"| **together** | **{total}** | **{100 * reached / total:.1f} %** |")
    lines += ["", "Not here: what only a process does (gRPC server, TLS set-up, curl transfers), which end-to-end tests drive; files without a line",
              "in the table are linked into no target.", ""]
    page.write_text("\n".join(lines))
    print(f"{page.relative_to(root)}: {100 * reached / total:.1f} % of {total} lines that are linked into a target")


main()
