"""Runs the tests of every fault, as often as asked, and writes docs/evidence/faults.md.

Long: VPA_FAULTS=all is set, which makes some of them bigger than in scripts/test."""

from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from faults.table import NONE, ROWS

TESTS = Path(__file__).resolve().parents[1]


def place(name: str) -> tuple[str, int]:
    """As they stand in their file: some tests leave their servers otherwise than they found them, and are the last."""
    file, function = name.split(": ")
    return file, (TESTS / file).read_text().index(f"def {function}(")


def run_python(names: set[str]) -> tuple[Counter, Counter]:
    """How often each "file: name" passed and failed; parameters of one test are added up."""
    passed, failed = Counter(), Counter()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        arguments = [name.replace(": ", "::") for name in sorted(names, key=place)]
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report.name}", *arguments], cwd=TESTS, check=False,
                       env={**os.environ, "VPA_FAULTS": "all"})
        for case in ElementTree.parse(report.name).iter("testcase"):
            file = case.get("classname").replace(".", "/") + ".py"
            name = f"{file}: {case.get('name').split('[')[0]}"
            if case.find("skipped") is not None:
                continue
            (failed if any(case.find(kind) is not None for kind in ("failure", "error")) else passed)[name] += 1
    return passed, failed


def run_c(names: set[str]) -> tuple[Counter, Counter]:
    passed, failed = Counter(), Counter()
    for file in sorted({name.split(": ")[0] for name in names}):
        program = Path(os.environ["VPA_BUILD"]) / "unit" / Path(file).stem
        done = subprocess.run([program], cwd=TESTS / "unit", capture_output=True, text=True, check=False)
        for verdict, name in re.findall(r"\[\s+(OK|FAILED)\s+\] (\w+)", done.stdout + done.stderr):
            (passed if verdict == "OK" else failed)[f"{file}: {name}"] += 1
    return passed, failed


def of_row(tests: list[str], counts: Counter) -> int:
    total = 0
    for test in tests:
        file, name = test.split(": ")
        total += sum(n for found, n in counts.items() if found == test or (name == "*" and found.startswith(f"{file}: ")))
    return total


def page(passed: Counter, failed: Counter) -> str:
    lines = ["# Faults", "", "Written by `scripts/dev faults`; do not edit. Numbers are those of the fault table that this was built against. Each test ends with the",
             "same questions: nothing granted but what is granted, the failure of its class, no token in log or audit, one plugin process and the host",
             "well, and the next login served.", "", f"Last run {datetime.date.today()}.", "", "| # | fault | what must come of it | tests | runs | failures |",
             "|---|---|---|---|---|---|"]
    rows = [(number, f"| {number} | {what} | {must} | {'<br>'.join(f'`tests/{test}`' for test in tests)} | {of_row(tests, passed) + of_row(tests, failed)} "
             f"| {of_row(tests, failed)} |") for number, what, must, tests in ROWS]
    rows += [(number, f"| {number} | | | none: {why} | - | - |") for number, why in NONE.items()]
    return "\n".join([*lines, *(line for _, line in sorted(rows)), ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev faults", description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="how often")
    parser.add_argument("--page", type=Path, help="where to write the table")
    parser.add_argument("rows", nargs="*", help="F01 F14 ...; all of them if left out")
    options = parser.parse_args()
    tests = {test for number, _, _, tests in ROWS for test in tests if not options.rows or number in options.rows}
    passed, failed = Counter(), Counter()
    for round_ in range(options.repeat):
        print(f"round {round_ + 1} of {options.repeat}", file=sys.stderr, flush=True)
        for run, names in ((run_c, {test for test in tests if ".c: " in test}), (run_python, {test for test in tests if ".py: " in test})):
            if names:
                good, bad = run(names)
                passed += good
                failed += bad
    for name in failed:
        print(f"FAILED {name}")
    missing = [number for number, _, _, named in ROWS if set(named) & tests and not of_row(named, passed + failed)]
    if missing:
        print(f"nothing was run for {', '.join(missing)}")
    print(f"{sum(passed.values())} runs passed, {sum(failed.values())} failed")
    if options.page and not options.rows:
        options.page.write_text(page(passed, failed))
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
