"""Runs the tests side by side: the work of scripts/test, which has installed what is needed."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .areas import ALL, AREAS, DEFAULT, OTHER_SERVER, QUICK, ROOT, Plan
from .hermetic import clean_environment
from .report import print_report
from .runner import Runner


def parse() -> argparse.Namespace:
    about = "\n".join(f"  {name:10} {area.about}" for name, area in AREAS.items())
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds and runs the tests.", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog=f"areas:\n{about}\n\nLogs and JUnit files are in build/results.")
    parser.add_argument("areas", nargs="*", metavar="AREA", help="only these areas")
    parser.add_argument("--quick", action="store_true", help="lint, unit, part of the model, core")
    parser.add_argument("--all", action="store_true", dest="whole", help="also the whole of e2e on the release build, long fuzzing, every failing call, the model's campaign")
    parser.add_argument("--server", default="", metavar="PROGRAM", help="the bao or vault to test against")
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, help="how many test processes run side by side (cores + 1)")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)  # for scripts/test: the package lists of the areas
    options = parser.parse_args()
    unknown = sorted(set(options.areas) - set(AREAS))
    if unknown:
        parser.error(f"no such area: {' '.join(unknown)}; see --help")
    return options


def chosen(options: argparse.Namespace) -> list[str]:
    return options.areas or (QUICK if options.quick else OTHER_SERVER if options.server else ALL if options.whole else DEFAULT)


def with_server(program: str, environment: dict[str, str], scratch: Path) -> dict[str, str]:
    """The environment in which `bao` on PATH and VPA_BAO are the program."""
    found = shutil.which(program)
    if not found:
        sys.exit(f"test: no program {program}")
    folder = scratch / "server"
    folder.mkdir()
    (folder / "bao").symlink_to(Path(found).resolve())
    return {**environment, "VPA_BAO": str(folder / "bao"), "PATH": f"{folder}:{environment['PATH']}"}


def main() -> int:
    options = parse()
    names = chosen(options)
    if options.packages:
        print(*sorted({package for name in names for package in AREAS[name].packages}))
        return 0
    build = Path(os.environ.get("VPA_BUILD_ROOT") or ROOT / "build")
    with tempfile.TemporaryDirectory(prefix="vpa.", dir="/tmp") as place:
        scratch = Path(place)
        lock = open(build / "test.lock", "w")  # kept open until the end
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"test: another scripts/test uses {build}")
        plan = Plan(build, scratch, options.whole, options.quick, options.server)
        shutil.rmtree(plan.results, ignore_errors=True)
        plan.results.mkdir(parents=True)
        (scratch / "home").mkdir()
        environment = clean_environment(dict(os.environ), scratch / "home")
        if options.server:
            environment = with_server(options.server, environment, scratch)
            subprocess.run([environment["VPA_BAO"], "version"], check=True)
        if options.whole:
            environment["VPA_TORTURE"] = environment["VPA_FRESH"] = "all"
        for name in names:
            AREAS[name].plan(plan)
        begin = time.monotonic()
        groups = Runner(list(plan.tasks.values()), options.jobs, environment).run()
        return 0 if print_report(groups, time.monotonic() - begin) else 1


if __name__ == "__main__":
    sys.exit(main())
