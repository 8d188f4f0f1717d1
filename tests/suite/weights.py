"""How long each test file takes, for the scheduler: tests/suite/weights.tsv. python -m suite.weights RESULTS updates it.

Only the proportions matter: they decide what starts first and what runs in one process."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from .report import read_cases

TABLE = Path(__file__).with_name("weights.tsv")
UNKNOWN_S = 10.0


def load() -> dict[tuple[str, str], float]:
    """Seconds by group and file."""
    rows = (line.split("\t") for line in TABLE.read_text().splitlines() if line and not line.startswith("#"))
    return {(group, file): float(seconds) for group, file, seconds in rows}


def divide(files: list[str], seconds_of: dict[str, float], limit_s: float) -> list[tuple[list[str], float]]:
    """Packs files into batches of about limit_s, longest file first; each batch with its expected seconds."""
    total = sum(seconds_of.values())
    batches: list[tuple[list[str], float]] = [([], 0.0) for _ in range(max(1, round(total / limit_s)))]
    for file in sorted(files, key=lambda name: (-seconds_of[name], name)):
        place = min(range(len(batches)), key=lambda i: batches[i][1])
        names, seconds = batches[place]
        batches[place] = ([*names, file], seconds + seconds_of[file])
    return [batch for batch in batches if batch[0]]


def update(results: Path) -> None:
    """What a file took in the results replaces its row. A report is called GROUP-BATCH."""
    measured = load()
    for report in sorted(results.glob("*.xml")):
        seconds: dict[str, float] = defaultdict(float)
        for case in read_cases(report):
            if case.file:
                seconds[case.file] += case.seconds
        for file, total in seconds.items():
            measured[re.sub(r"-\d+$", "", report.stem), file] = round(total, 1)
    tests = TABLE.parents[1]
    rows = [f"{group}\t{file}\t{seconds}" for (group, file), seconds in sorted(measured.items()) if (tests / file).exists()]
    TABLE.write_text("# Group, test file, seconds that it took in scripts/test; written by python -m suite.weights.\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    update(Path(sys.argv[1]))
