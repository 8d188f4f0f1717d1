"""The runner of the tests: order, failures, counts, and that nothing of the user reaches a test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import server, weights  # noqa: E402
from suite.areas import AREAS, DEFAULT, QUICK, Plan  # noqa: E402
from suite.hermetic import clean_environment  # noqa: E402
from suite.report import Case, Group, print_report, read_cases  # noqa: E402
from suite.runner import Runner, Task, only_failure, only_itself  # noqa: E402

JUNIT = """<testsuites><testsuite><testcase classname="lint.test_suite" name="a" time="1.5"/>
<testcase classname="x" name="b"><failure/></testcase><testcase classname="x" name="c"><skipped message="why"/></testcase></testsuite></testsuites>"""


def run(tmp_path, *tasks: tuple, slots: int = 1) -> dict[str, Group]:
    """Each task is a name, a shell command, what it needs, and more of its fields; it writes its name into `order`."""
    made = [Task(name, "build" if fields.get("cases_of") is only_failure else "tests", ["sh", "-c", f"echo {name} >> {tmp_path}/order; {command}"], tmp_path,
                 needs=needs, **{"cases_of": only_itself, **fields}) for name, command, needs, fields in tasks]
    return Runner(made, slots, dict(os.environ)).run()


def outcomes(group: Group) -> dict[str, str]:
    return {case.name.split(" ")[0].rstrip(";"): case.outcome for case in group.cases}


def test_what_others_wait_for_goes_first_and_each_task_runs_once(tmp_path):
    run(tmp_path, ("short", "true", (), {"expected_s": 1}), ("long", "true", (), {"expected_s": 50}), ("first", "true", (), {"expected_s": 10}),
        ("last", "true", ("first",), {"expected_s": 45}))
    assert (tmp_path / "order").read_text().split() == ["first", "long", "last", "short"]


def test_a_failure_is_counted_and_what_needs_a_failed_build_is_not_run(tmp_path, capsys):
    groups = run(tmp_path, ("broken", "exit 3", (), {"cases_of": only_failure}), ("after", "true", ("broken",), {}), ("bad", "echo because; false", (), {}))
    assert outcomes(groups["build"]) == {"broken": "failed"} and outcomes(groups["tests"]) == {"after": "failed", "bad": "failed"}
    assert (tmp_path / "order").read_text().split().count("after") == 0
    assert "because" in capsys.readouterr().out
    assert not print_report(groups, 1.0)
    assert capsys.readouterr().out.endswith("0 passed, 3 failed, 0 skipped\n")


def test_a_task_without_results_or_with_a_status_of_its_own_is_a_failure(tmp_path):
    (tmp_path / "good.xml").write_text('<testsuite><testcase classname="x" name="a"/></testsuite>')
    for name, command in (("none", "true"), ("good", "exit 2")):
        task = Task(name, "g", ["sh", "-c", command], tmp_path)
        Runner([task], 1, dict(os.environ)).run()
        assert any(case.outcome == "failed" for case in task.cases_of(task)), name


def test_cases_are_read_with_time_reason_and_file(tmp_path):
    (tmp_path / "a.xml").write_text(JUNIT)
    assert read_cases(tmp_path / "a.xml") == [Case("lint.test_suite a", "passed", 1.5, "", "lint/test_suite.py"), Case("x b", "failed"), Case("x c", "skipped", 0.0, "why")]
    (tmp_path / "a.xml").write_text("<testsuite><testcase")
    assert [case.outcome for case in read_cases(tmp_path / "a.xml")] == ["failed"]


def test_nothing_that_passed_is_a_failure(capsys):
    assert not print_report({"g": Group([])}, 0.0) and print_report({"g": Group([Case("a", "passed")])}, 0.0)
    assert capsys.readouterr().out.endswith("1 passed, 0 failed, 0 skipped\n")


def test_batches_hold_every_file_once_and_are_of_one_size():
    seconds = {"a": 50.0, "b": 30.0, "c": 30.0, "d": 10.0}
    batches = weights.divide(list(seconds), seconds, 60.0)
    assert sorted(file for files, _ in batches for file in files) == list("abcd") and [seconds for _, seconds in batches] == [60.0, 60.0]


@pytest.mark.parametrize("quick", [False, True])
def test_every_test_file_is_in_some_area(tmp_path, quick):
    plan = Plan(tmp_path, tmp_path, whole=False, quick=quick, server="")
    for name in QUICK if quick else DEFAULT:
        AREAS[name].plan(plan)
    assert all(need in plan.tasks for task in plan.tasks.values() for need in task.needs)
    if quick:
        return
    words = {word for task in plan.tasks.values() for word in task.command}
    tests = Path(__file__).resolve().parents[1]
    for path in tests.glob("*/test_*.py"):
        assert {str(path.relative_to(tests)), path.parent.name} & words, f"{path.name} is run by no area"


def test_settings_of_the_user_stay_out(tmp_path):
    home = tmp_path / "real"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("")
    foreign = {name: "x" for name in ("BAO_ADDR", "BAO_TOKEN", "VAULT_TOKEN", "VAULT_NAMESPACE", "ARVADOS_API_TOKEN", "ARV_VAULT_ROLE")}
    cleaned = clean_environment({"HOME": str(home), "PATH": "/bin", "VPA_BUILD": "b", **foreign}, tmp_path / "own")
    assert not set(foreign) & set(cleaned) and cleaned["HOME"] == str(tmp_path / "own")
    assert cleaned["PATH"] == "/bin" and cleaned["VPA_BUILD"] == "b" and cleaned["PIP_CONFIG_FILE"] == f"{home}/.config/pip/pip.conf"


@pytest.mark.parametrize("line, lacks, prefix", [("OpenBao v2.6.2 (dd9c)", [], "s."), ("Vault v1.21.4 (abc)", list(server.LACKING), "hvs.")])
def test_the_server_says_what_it_is(tmp_path, monkeypatch, line, lacks, prefix):
    program = tmp_path / "bao"
    program.write_text(f"#!/bin/sh\necho '{line}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("VPA_BAO", str(program))
    assert server.server_lacks() == lacks and server.token_prefix("service") == prefix
    assert (server.audit_request("/a") is None) == (server.audit_stanza("x", "/a") != "")
