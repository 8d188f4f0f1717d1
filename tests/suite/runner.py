"""Runs tasks over a few slots: what others wait for and what takes longest starts first."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .report import Case, Group, read_cases

LINES_OF_A_FAILURE = 60
SHORT_S = 3.0  # a task that takes no longer is not worth a line


def only_itself(task: Task) -> list[Case]:
    """Of a task that is one case: a build that fails is counted, one that succeeds is no test."""
    return [Case(task.name, "passed" if task.status == 0 else "failed", task.seconds)]


def from_junit(task: Task) -> list[Case]:
    """From the JUnit files that begin with the task's name."""
    cases = [case for file in sorted(task.results.glob(f"{task.file_name}*.xml")) for case in read_cases(file)]
    if not cases or (task.status != 0 and not any(case.outcome == "failed" for case in cases)):
        cases.append(Case(f"{task.name} ended with status {task.status}; see {task.log}", "failed"))
    return cases


def only_failure(task: Task) -> list[Case]:
    return [] if task.status == 0 else [Case(f"{task.name}; see {task.log}", "failed")]


@dataclass
class Task:
    name: str
    group: str
    command: list[str]
    results: Path  # folder of logs and JUnit files
    needs: tuple[str, ...] = ()
    expected_s: float = 10.0
    slots: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    cases_of: Callable[[Task], list[Case]] = from_junit
    status: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    urgency: float = 0.0

    @property
    def file_name(self) -> str:
        return self.name.replace(" ", "-").replace("/", "-")

    @property
    def log(self) -> Path:
        return self.results / f"{self.file_name}.log"

    def run(self, environment: dict[str, str], started: Callable[[int], None]) -> None:
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            child = subprocess.Popen(self.command, cwd=self.folder, env={**environment, **self.environment}, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, start_new_session=True)
            started(child.pid)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - begin
        self.cpu_s = usage.ru_utime + usage.ru_stime


class Runner:
    def __init__(self, tasks: list[Task], slots: int, environment: dict[str, str]):
        self.tasks = {task.name: task for task in tasks}
        assert len(self.tasks) == len(tasks), "two tasks of one name"
        self.free = self.slots = slots
        self.environment = environment
        self.changed = threading.Condition()
        self.running: dict[str, int] = {}
        self.done: dict[str, Task] = {}
        self.begin = time.monotonic()
        for task in tasks:
            self._set_urgency(task)

    def _set_urgency(self, task: Task) -> float:
        """The seconds from a task's start to the end of all that waits for it."""
        if not task.urgency:
            followers = [other for other in self.tasks.values() if task.name in other.needs]
            task.urgency = task.expected_s + max((self._set_urgency(other) for other in followers), default=0.0)
        return task.urgency

    def _next(self, waiting: list[Task]) -> Task | None:
        ready = [task for task in waiting if all(need in self.done for need in task.needs) and min(task.slots, self.slots) <= self.free]
        return max(ready, key=lambda task: task.urgency, default=None)

    def run(self) -> dict[str, Group]:
        """Runs all tasks; those whose need failed are failures."""
        waiting, threads = list(self.tasks.values()), []
        try:
            while waiting or self.running:
                with self.changed:
                    task = self._next(waiting)
                    if task is None:
                        self.changed.wait()
                        continue
                    waiting.remove(task)
                    if any(self.done[need].status != 0 for need in task.needs if self.done[need].cases_of is only_failure):
                        self._finish(task, 0)
                        continue
                    taken = min(task.slots, self.slots)
                    self.free -= taken
                    self.running[task.name] = 0
                threads.append(threading.Thread(target=self._run, args=(task, taken), daemon=True))
                threads[-1].start()
        except BaseException:
            self._stop()
            raise
        return self._groups()

    def _run(self, task: Task, taken: int) -> None:
        def note(pid: int) -> None:
            self.running[task.name] = pid

        try:
            task.run(self.environment, note)
        finally:
            with self.changed:
                del self.running[task.name]
                self._finish(task, taken)

    def _finish(self, task: Task, taken: int) -> None:
        self.free += taken
        self.done[task.name] = task
        if task.status is None:
            print(f"{'':9}  not run: {task.name}, since what it needs failed", flush=True)
        else:
            failed = any(case.outcome == "failed" for case in task.cases_of(task))
            if failed or task.seconds > SHORT_S:
                print(f"{time.monotonic() - self.begin:7.0f} s  {'FAILED' if failed else 'passed'}  {task.name} ({task.seconds:.0f} s)", flush=True)
            if failed:
                print("\n".join(task.log.read_text(errors="replace").splitlines()[-LINES_OF_A_FAILURE:]), flush=True)
        self.changed.notify_all()

    def _stop(self) -> None:
        for pid in list(self.running.values()):
            if pid:
                os.killpg(pid, signal.SIGTERM)

    def _groups(self) -> dict[str, Group]:
        groups: dict[str, Group] = {}
        for task in self.tasks.values():
            group = groups.setdefault(task.group, Group([]))
            group.seconds += task.seconds
            group.cpu_s += task.cpu_s
            group.cases += [Case(f"{task.name} was not run", "failed")] if task.status is None else task.cases_of(task)
        return groups
