"""Reads what the tasks left (JUnit files, logs) and prints the end of a run: time per group, slowest tests, totals."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
BAD = ("failure", "error")
N_SLOWEST = 20


@dataclass
class Case:
    name: str
    outcome: str  # passed, failed or skipped
    seconds: float = 0.0
    why: str = ""  # of a skipped one
    file: str = ""  # below tests/, where it is a Python test


def file_of(classname: str) -> str:
    """The test file of a JUnit class name such as e2e.test_login.TestX; empty if there is none."""
    words = classname.split(".")
    for end in range(len(words), 0, -1):
        file = "/".join(words[:end]) + ".py"
        if (TESTS / file).is_file():
            return file
    return ""


def read_cases(file: Path) -> list[Case]:
    """The cases of one JUnit file. A file that is cut off is a failed case: its program crashed."""
    try:
        elements = list(ElementTree.parse(file).iter("testcase"))
    except ElementTree.ParseError:
        return [Case(f"{file.name} is cut off; the program crashed?", "failed")]
    cases = []
    for element in elements:
        classname = element.get("classname", "")
        skipped = element.find("skipped")
        outcome = "failed" if any(element.find(kind) is not None for kind in BAD) else "passed" if skipped is None else "skipped"
        why = "" if skipped is None else skipped.get("message", "")
        cases.append(Case(f"{classname} {element.get('name')}".strip(), outcome, float(element.get("time") or 0), why, file_of(classname)))
    return cases


@dataclass
class Group:
    cases: list[Case]
    seconds: float = 0.0  # of all its tasks, one after the other
    cpu_s: float = 0.0


def print_report(groups: dict[str, Group], wall_s: float) -> bool:
    """True if something passed and nothing failed."""
    cases = [(name, case) for name, group in groups.items() for case in group.cases]
    count: dict[str, int] = defaultdict(int)
    for _, case in cases:
        count[case.outcome] += 1
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for name, case in cases:
        if case.outcome == "skipped":
            reasons[name, case.why] += 1
    for (name, why), n in sorted(reasons.items()):
        print(f"skipped {n:4}  {name}: {why}")
    print(f"\nThe {N_SLOWEST} slowest tests:")
    for name, case in sorted(cases, key=lambda pair: -pair[1].seconds)[:N_SLOWEST]:
        print(f"{case.seconds:8.1f} s  {name}: {case.name}")
    print("\nTime per group:\n   passed  failed  skipped   seconds  CPU seconds")
    for name, group in groups.items():
        by = [sum(case.outcome == outcome for case in group.cases) for outcome in ("passed", "failed", "skipped")]
        print(f"{by[0]:9}{by[1]:8}{by[2]:9}{group.seconds:10.0f}{group.cpu_s:13.0f}  {name}")
    print(f"{wall_s // 60:.0f} min {wall_s % 60:.0f} s in all; groups ran side by side")
    for name, case in cases:
        if case.outcome == "failed":
            print(f"FAILED {name}: {case.name}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return not count["failed"] and count["passed"] > 0
