"""The areas of tests: which files each has, with which build it runs, what must be built before."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import weights
from .runner import Task, only_failure, only_itself
from .report import Case

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
BATCH_S = 60.0  # a batch of test files that share one server


@dataclass
class Plan:
    """What a run was asked for, and the tasks that come of it."""

    build: Path
    scratch: Path
    whole: bool  # --all
    quick: bool
    server: str  # another server's program, or empty
    weights: dict[tuple[str, str], float] = field(default_factory=weights.load)
    tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.build / "results"

    def add(self, name: str, group: str, command: list[str], **options) -> str:
        if name not in self.tasks:
            self.tasks[name] = Task(name, group, command, self.results, **options)
        return name

    def add_build(self, name: str, expected_s: float, *command: str) -> str:
        return self.add(name, "build", list(command), expected_s=expected_s, slots=2, folder=ROOT, cases_of=only_failure)

    def built(self, preset: str) -> tuple[str, ...]:
        """The task that makes the programs of a preset."""
        if preset == "static":
            return (self.add_build("build static, packages", 120, "scripts/release"),)
        return (self.add_build(f"build {preset}", 40, "scripts/dev", "build", preset),)

    def add_pytest(self, name: str, group: str, preset: str, paths: list[str], *options: str, expected_s: float, needs: tuple[str, ...] = (), slots: int = 1) -> None:
        number = len(self.tasks)
        environment = {"VPA_BUILD": str(self.build / preset), "VPA_SANITIZED": "1" if preset == "asan" else "", "PYTHONPATH": str(TESTS)}
        # Short, since a plugin's socket is in there, and its path has 108 characters at most.
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={self.scratch}/{number}", *options, *paths]
        self.add(name, group, command, environment=environment, folder=TESTS, needs=(*self.built(preset), *needs), expected_s=expected_s, slots=slots)
        self.tasks[name].command.append(f"--junitxml={self.results}/{self.tasks[name].file_name}.xml")

    def add_batches(self, group: str, preset: str, files: list[str], *options: str, needs: tuple[str, ...] = ()) -> None:
        """The files in batches that run side by side, each with servers of its own."""
        known = {file: seconds for (_, file), seconds in self.weights.items()}
        seconds_of = {file: self.weights.get((group.replace(" ", "-"), file), known.get(file, weights.UNKNOWN_S)) for file in files}
        for i, (names, seconds) in enumerate(weights.divide(files, seconds_of, BATCH_S)):
            self.add_pytest(f"{group} {i + 1}", group, preset, names, *options, expected_s=seconds, needs=needs)


def test_files(folder: str, pattern: str = "test_*.py") -> list[str]:
    return sorted(str(path.relative_to(TESTS)) for path in (TESTS / folder).glob(pattern))


def marked(mark: str) -> list[str]:
    """The files below tests/ that have the mark."""
    return [file for folder in ("e2e", "model") for file in test_files(folder) if f"mark.{mark}\n" in (TESTS / file).read_text()]


# ---- areas ----


def lint(plan: Plan) -> None:
    plan.add_batches("lint", "release", test_files("lint"))


def unit(plan: Plan) -> None:
    preset = plan.build / "asan"
    names = sorted(path.stem for path in (TESTS / "unit").glob("test_*.c"))
    for name in names:
        environment = {"CMOCKA_MESSAGE_OUTPUT": "XML", "CMOCKA_XML_FILE": f"{plan.results}/unit-{name}-%g.xml"}
        plan.add(f"unit {name}", "unit", [str(preset / "unit" / name)], environment=environment, folder=TESTS / "unit", needs=plan.built("asan"), expected_s=1)


def e2e(plan: Plan) -> None:
    plan.add_batches("e2e", "release" if plan.server else "asan", test_files("e2e"))
    if plan.whole:
        plan.add_batches("e2e release", "release", test_files("e2e"))


def engine(plan: Plan) -> None:
    plan.add_batches("engine", "asan", test_files("engine"))


def client(plan: Plan) -> None:
    plan.add_batches("client", "asan", [*test_files("e2e", "test_client*.py"), "e2e/test_deploy_node.py"])


def core(plan: Plan) -> None:
    """The start, login, renewal, exec and the like, with each build; and what a sanitized build can't show."""
    for preset in ("release",) if plan.server else ("asan",) if plan.quick else ("release", "static"):
        plan.add_batches(f"core {preset}", preset, marked("core"), "-m", "core")


def torture(plan: Plan) -> None:
    """What needs a build without sanitizers: each call of the programs made to fail, the sandbox."""
    plan.add_batches("torture", "release", marked("plain_build"), "-m", "plain_build")


def model(plan: Plan) -> None:
    templates = ["model/test_templates.py", "model/test_template_values.py"]
    if plan.quick:
        blocks = [f"model/test_model.py::test_plugin_and_model_agree[{block}]" for block in range(4)]
        plan.add_pytest("model", "model", "release", [*blocks, *templates], expected_s=15)
        return
    files = ["model/test_model.py", *templates]
    plan.add_batches("model", "asan", files)
    if plan.whole:
        plan.add_batches("model release", "release", files)
        plan.add_build("model campaign", 300, "scripts/dev", "model", "--worlds", "20000")


def simulator(plan: Plan) -> None:
    plan.add_batches("simulator", "release", test_files("simulator"))


def deploy(plan: Plan) -> None:
    plan.add_batches("deploy", "release", test_files("deploy"), needs=(plan.add_build("venv for deploy", 60, "scripts/dev", "venv", "setup"),))


def python(plan: Plan) -> None:
    venvs = tuple(plan.add_build(f"venv for {name}", 30, "scripts/dev", "venv", name) for name in ("python", "vdk"))
    plan.add_batches("python", "release", test_files("python"), needs=venvs)


def site(plan: Plan) -> None:
    plan.add_batches("site", "release", test_files("site"), needs=(plan.add_build("site", 60, "scripts/site"),))


def ops(plan: Plan) -> None:
    # Its tests of scripts/dev build too: with these done there is nothing left to build, beside others that use the folders.
    plan.add_batches("ops", "release", test_files("ops"), needs=(*plan.built("asan"), bench_tools(plan)))


def fresh(plan: Plan) -> None:
    plan.add_pytest("fresh", "fresh", "release", ["fresh"], expected_s=350, slots=2)


def bench_tools(plan: Plan) -> str:
    targets = ["bench-api", "bench-load", "bench-spend"]
    command = ["cmake", "--build", str(plan.build / "release"), "--target", *targets]
    return plan.add("build bench tools", "build", command, folder=ROOT, needs=plan.built("release"), cases_of=only_failure)


def bench(plan: Plan) -> None:
    plan.add_pytest("bench", "bench", "release", ["bench"], expected_s=60, needs=(bench_tools(plan),))


def packages(plan: Plan) -> None:
    plan.add_batches("packages", "static", test_files("packages"))


def release(plan: Plan) -> None:
    plan.add_batches("release", "static", test_files("release"))
    if plan.whole:
        plan.add_batches("static", "static", ["e2e/test_process.py", "e2e/test_client.py"])


def fuzz_cases(task: Task) -> list[Case]:
    """A line of figures for each target, or FAILED and its name."""
    cases = []
    for line in task.log.read_text(errors="replace").splitlines():
        words = line.split()
        if line.startswith("FAILED "):
            cases.append(Case(f"fuzz {words[1]}", "failed"))
        elif " executions, " in line:
            cases.append(Case(f"fuzz {words[0]}", "passed"))
    return cases if cases and task.status == 0 else [*cases, Case(f"fuzz; see {task.log}", "failed")]


def fuzz(plan: Plan) -> None:
    seconds = 30 if plan.whole else 5
    plan.add("fuzz", "fuzz", ["scripts/fuzz", "--seconds", str(seconds)], folder=ROOT, needs=plan.built("fuzz"), expected_s=12.0 * seconds, slots=2, cases_of=fuzz_cases)


def analyse(plan: Plan) -> None:
    needs = (*plan.built("fuzz"), *plan.built("release"))
    for tool, expected_s in {"clang-tidy": 120, "gcc": 90, "cppcheck": 60}.items():
        command = [sys.executable, "tests/lint/analyse.py", str(plan.build), tool]
        plan.add(f"analyse {tool}", "analyse", command, folder=ROOT, needs=needs, expected_s=expected_s, slots=2, cases_of=only_itself)


@dataclass
class Area:
    plan: Callable[[Plan], None]
    about: str
    packages: tuple[str, ...] = ()  # of scripts/lib/packages-NAME.txt, beyond packages.txt


RELEASE = ("release", "dist")
AREAS = {
    "lint": Area(lint, "form of code and pages", ("ops",)),
    "unit": Area(unit, "the programs of tests/unit, under ASan and UBSan"),
    "e2e": Area(e2e, "end-to-end tests with a real OpenBao, under ASan and UBSan"),
    "engine": Area(engine, "the secrets engine with a real OpenBao, under ASan and UBSan"),
    "core": Area(core, "the most important end-to-end tests, with the release and the static build", RELEASE),
    "client": Area(client, "the end-to-end tests of arv-vault alone"),
    "torture": Area(torture, "each call of the programs made to fail, and what else needs a build without sanitizers"),
    "model": Area(model, "each login decided by the plugin and by a model"),
    "simulator": Area(simulator, "the simulated Arvados against recordings of the real one"),
    "deploy": Area(deploy, "Ansible, Terraform, Helm, the trial cluster"),
    "python": Area(python, "the Python package, and data jobs with the real VDK"),
    "site": Area(site, "the pages as a site, the tutorials", ("site",)),
    "ops": Area(ops, "monitoring, the operations page, development", ("ops",)),
    "fresh": Area(fresh, "the demo in a fresh clone and in an empty Debian 13; with --all both commands of the README in Debian 12 and 13", ("dist",)),
    "bench": Area(bench, "the benchmark works"),
    "release": Area(release, "the self-contained programs", RELEASE),
    "packages": Area(packages, "Debian packages, sums, signatures", RELEASE),
    "analyse": Area(analyse, "clang-tidy, gcc -fanalyzer, cppcheck", ("checks",)),
    "fuzz": Area(fuzz, "the fuzz targets", ("checks",)),
}
QUICK = ["lint", "unit", "model", "core"]
# The analysers read all of the code for minutes and compare with findings that were reviewed: by name, or before a release.
DEFAULT = [name for name in AREAS if name not in ("client", "analyse")]
ALL = [*DEFAULT, "analyse"]
OTHER_SERVER = ["e2e", "ops"]
