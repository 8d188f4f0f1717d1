"""Puts each mutant of sample.tsv into a copy of the tree, builds it and runs the tests of its module; writes a table of killed and surviving mutants.

A mutant is killed if a unit program of its module fails, or the model disagrees; with --end-to-end also by the module's end-to-end tests.
A mutant that does not compile is invalid; one whose line no longer exists is gone. --sample draws a new sample (the old list is replaced)."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .operators import Mutant, mutants_of

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
SAMPLE = Path(__file__).with_name("sample.tsv")
SEED = 17
# How many of which files.
SIZES = {"src/policy/*.c": 60, "src/auth/*.c": 150, "src/arvados/*.c": 70, "src/plugin/translate*.c": 40, "src/http/*.c": 70, "src/client/files.c": 30, "src/client/template.c": 30}
LIMIT_S = 120  # a program that takes longer hangs: killed


@dataclass
class Oracle:
    """The tests that must notice a mutant of some files."""

    prefix: str
    units: str  # pattern of unit programs
    model: tuple[str, ...] = ()
    end_to_end: tuple[str, ...] = ()


LOGINS = ("-m", "model", "--worlds", "600", "--jobs", "1")
ORACLES = [
    Oracle("src/policy/", "test_policy_*", LOGINS, ("test_login.py", "test_grants.py")),
    Oracle("src/auth/", "test_auth_*", LOGINS, ("test_login.py", "test_role.py", "test_renew.py", "test_config.py", "test_cache.py", "test_groups.py", "test_user_mount.py",
                                                "test_explain.py", "test_grants.py", "test_check.py")),
    Oracle("src/arvados/", "test_arvados_*", LOGINS, ("test_login.py", "test_groups.py", "test_salted.py", "test_many_grants.py")),
    Oracle("src/plugin/", "test_plugin_translate*", (), ("test_plugin_protocol.py",)),
    Oracle("src/http/", "test_http_*", (), ("test_faults.py", "test_config.py")),
    Oracle("src/client/template", "test_client_*", ("-m", "pytest", "-q", "-p", "no:cacheprovider", "model/test_templates.py"), ("test_client_render.py",)),
    Oracle("src/client/files", "test_client_*", (), ("test_client_exec.py", "test_client_life.py")),
]


def oracle_of(file: str) -> Oracle:
    return next(oracle for oracle in ORACLES if file.startswith(oracle.prefix))


def load() -> list[Mutant]:
    rows = [line.split("\t") for line in SAMPLE.read_text().splitlines() if not line.startswith("#")]
    return [Mutant(file, int(nth), line.replace("\\t", "\t"), changed.replace("\\t", "\t")) for file, nth, line, changed in rows]


def draw() -> None:
    dice, chosen, n_all = random.Random(SEED), [], 0
    for pattern, size in SIZES.items():
        every = [mutant for path in sorted(ROOT.glob(pattern)) for mutant in mutants_of(str(path.relative_to(ROOT)), path.read_text())]
        n_all += len(every)
        chosen += sorted(dice.sample(every, min(size, len(every))))
    rows = ["\t".join([mutant.file, str(mutant.nth), mutant.line.replace("\t", "\\t"), mutant.changed.replace("\t", "\\t")]) for mutant in chosen]
    SAMPLE.write_text(f"# {len(rows)} of {n_all} mutants, drawn with seed {SEED}: file, which of the lines of this text, line, mutant\n" + "\n".join(rows) + "\n")
    print(f"{len(rows)} of {n_all} mutants")


class Workshop:
    """A copy of the tree with a build of its own, in which one mutant at a time is built and tried."""

    def __init__(self, place: Path, end_to_end: bool):
        self.tree, self.build, self.end_to_end = place / "tree", place / "build", end_to_end
        self.tree.mkdir(parents=True, exist_ok=True)
        listed = subprocess.run(["git", "ls-files", "--", ":!tests/fuzz/corpus"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        for name in filter(None, listed):
            target = self.tree / name
            if (ROOT / name).is_file() and (not target.exists() or target.read_bytes() != (ROOT / name).read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
        self.run("cmake", "--preset", "dev", "-B", str(self.build), "-DVPA_WERROR=OFF", cwd=self.tree, check=True)
        self.run("cmake", "--build", str(self.build), check=True)

    def run(self, *command: str, cwd: Path | None = None, check: bool = False, **environment: str) -> bool:
        try:
            done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, timeout=None if check else LIMIT_S,
                                  check=check)
        except subprocess.TimeoutExpired:
            return False
        except subprocess.CalledProcessError as failure:
            sys.exit(f"{command}: {failure.stdout.decode()[-2000:]}{failure.stderr.decode()[-2000:]}")
        return done.returncode == 0

    def units(self, oracle: Oracle) -> list[str]:
        return sorted(path.stem for path in (self.tree / "tests/unit").glob(oracle.units + ".c") if "torture" not in path.stem)

    def verdict(self, oracle: Oracle) -> str:
        units = self.units(oracle)
        targets = [*units, "auth-on-a-pipe", "template-on-a-pipe"] if oracle.model else units
        targets += ["vault-plugin-auth-arvados", "arv-vault"] if self.end_to_end or not targets else []
        if not self.run("cmake", "--build", str(self.build), "--target", *targets):
            return "invalid"
        for unit in units:
            if not self.run(str(self.build / "unit" / unit), cwd=self.tree / "tests/unit"):
                return f"killed by {unit}"
        environment = {"VPA_BUILD": str(self.build), "PYTHONPATH": str(self.tree / "tests")}
        if oracle.model and not self.run(sys.executable, *oracle.model, cwd=self.tree / "tests", **environment):
            return "killed by the model"
        for file in oracle.end_to_end if self.end_to_end else ():
            if not self.run(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"e2e/{file}", cwd=self.tree / "tests", **environment):
                return f"killed by {file}"
        return "survived"

    def check_unchanged(self) -> None:
        """Without a mutant each oracle must pass, or everything would count as killed."""
        for oracle in ORACLES:
            verdict = self.verdict(oracle)
            if verdict != "survived":
                sys.exit(f"without any mutant, {oracle.prefix} is {verdict}")

    def judge(self, mutant: Mutant) -> str:
        path = self.tree / mutant.file
        source = path.read_text() if path.exists() else ""
        changed = mutant.apply(source)
        if changed is None:
            return "gone"
        path.write_text(changed)
        try:
            return self.verdict(oracle_of(mutant.file))
        finally:
            path.write_text(source)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev mutants", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sample", action="store_true", help="draw the sample again")
    parser.add_argument("--part", default="1/1", help="2/10: the second tenth of the sample, spread over it")
    parser.add_argument("--jobs", type=int, default=1, help="how many side by side, each with a copy of the tree")
    parser.add_argument("--end-to-end", action="store_true", help="try survivors with the end-to-end tests too")
    options = parser.parse_args()
    if options.sample:
        draw()
        return 0
    part, parts = (int(number) for number in options.part.split("/"))
    mutants = load()[part - 1::parts]
    shops = [Workshop(options.build / f"mutants-{i + 1}", options.end_to_end) for i in range(options.jobs)]
    shops[0].check_unchanged()

    def work(i: int) -> list[tuple[Mutant, str]]:
        done = []
        for mutant in mutants[i::options.jobs]:
            done.append((mutant, shops[i].judge(mutant)))
            print(f"{done[-1][1]:30} {mutant.file}: {mutant.line.strip()}  ->  {mutant.changed.strip()}", flush=True)
        return done

    with ThreadPoolExecutor(options.jobs) as pool:
        results = [row for rows in pool.map(work, range(options.jobs)) for row in rows]
    table = Counter((Path(mutant.file).parent.name, verdict.split(" by ")[0]) for mutant, verdict in results)
    print("\n| module | killed | survived | invalid | gone |\n|---|---|---|---|---|")
    for module in sorted({module for module, _ in table}):
        print(f"| {module} | " + " | ".join(str(table[module, verdict]) for verdict in ("killed", "survived", "invalid", "gone")) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
