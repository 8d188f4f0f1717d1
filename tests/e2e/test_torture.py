"""The real plugin in a real host, each call of its own that can fail failed once: memory, system calls, curl, OpenSSL. Refused
or ended, never granted more, and the next request is served."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter

import pytest

from conftest import make_mount, start_server, stop_server
from processes import wait_until
from suite.server import says_plugin_died
from torture import Failing

pytestmark = pytest.mark.plain_build

EACH_RUN = 250


class Bench:
    """A server whose plugin runs with failing_preload.c before it."""

    def __init__(self, directory, sim):
        self.failing = Failing(directory)
        self.server = start_server(directory / "server", env=self.failing.env)
        self.server.register()
        self.mount = make_mount(self.server, sim)
        self.mount.configure()
        sim.grant("arvados-read", sim.user("active"))
        sim.grant("Arvados-bad", sim.user("active"))
        self.token = sim.run_container("active").token

    def good_login(self) -> dict:
        answer = served_again(lambda: self.mount.login(self.token))  # what failed last may have ended the process
        assert answer.status_code == 200, answer.text
        return answer.json()["auth"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    from simulator import Simulator

    with Simulator() as sim:
        made = Bench(tmp_path_factory.mktemp("torture"), sim)
        yield made
        stop_server(made.server)


def policies(auth: dict) -> list[str]:
    return sorted(auth["token_policies"])


def check_refusal(answer) -> str:
    """Never "no": the caller's right was not what failed."""
    assert answer.status_code >= 500, answer.text
    return "ended" if says_plugin_died(answer.text) else "refused"


def check_login(bench: Bench, answer) -> str:
    if answer.status_code == 200:
        assert policies(answer.json()["auth"]) == ["arvados-read", "default"]
        assert 0 < answer.json()["auth"]["lease_duration"] <= 900
        return "served"
    return check_refusal(answer)


def served_again(request):
    """The host finds out by and by that a process ended; whatever else failed is over at once."""
    answers = []

    def is_served() -> bool:
        answers.append(request())
        return answers[-1].status_code < 500 or not says_plugin_died(answers[-1].text)

    wait_until(is_served, "the host to have found out")
    return answers[-1]


def in_turn(bench: Bench, request, check) -> Counter:
    """Makes the request with its first call failing, then with its second, until none is left to fail."""
    request()  # what is remembered is remembered now
    bench.failing.arm(0)
    first = request()
    calls, _ = bench.failing.disarm()
    assert first.status_code in (200, 204), first.text
    outcomes, wrong = Counter(), []
    # A config write has thousands (Arvados' discovery document): a share of them in each run, all with VPA_TORTURE=all.
    step = 1 if os.environ.get("VPA_TORTURE") == "all" else calls // EACH_RUN + 1
    tried = range(1 + random.randrange(step), calls + 1, step)
    for nth in tried:
        bench.failing.arm(nth)
        answer = request()
        _, symbol = bench.failing.disarm()
        try:
            outcome = check(bench, answer)
        except AssertionError as failure:
            wrong.append(f"call {nth} ({symbol}): {failure}")
            outcome = "wrong"
        # Threads take turns, so that a call can be missing now and then.
        outcomes[f"{outcome} without {symbol}" if symbol else "nothing failed"] += 1
        if outcome != "served":
            answer = served_again(request)
            if answer.status_code not in (200, 204):
                wrong.append(f"after call {nth} ({symbol}): {answer.text}")
    assert not wrong, "\n".join(wrong)
    print(f"{len(tried)} of {calls} calls: {dict(outcomes)}")
    assert sum(n for what, n in outcomes.items() if "without" in what) > len(tried) * 0.8
    return outcomes


def test_a_login(bench):
    outcomes = in_turn(bench, lambda: bench.mount.login(bench.token), check_login)
    assert any("refused" in what for what in outcomes)


def test_a_login_over_a_new_connection(bench):
    def login():
        bench.mount.sim.drop_connections()
        return bench.mount.login(bench.token)

    in_turn(bench, login, check_login)


def check_renewal(_bench: Bench, answer) -> str:
    if answer.status_code == 200:
        assert answer.json()["auth"]["lease_duration"] <= 900
        return "served"
    assert answer.status_code >= 500, answer.text
    return "refused"


def test_a_renewal(bench):
    token = bench.good_login()["client_token"]
    in_turn(bench, lambda: bench.mount.renew(token), check_renewal)


def check_write(bench: Bench, answer) -> str:
    """Written as a whole or not at all, whatever was said."""
    kept = served_again(lambda: bench.server.call("GET", f"auth/{bench.mount.path}/config")).json()["data"]
    assert kept["allowed_policy_prefixes"] == ["arvados-"] and kept["service_token_set"] is True
    if answer.status_code in (200, 204):
        return "served"
    # A certificate that OpenSSL can't read is one that can't be used, to us.
    return "refused" if "can't be read" in answer.text else check_refusal(answer)


def test_a_config_write(bench):
    in_turn(bench, lambda: bench.mount.write_config(**bench.mount.settings()), check_write)
    assert policies(bench.good_login()) == ["arvados-read", "default"]


STARTS = 60


def test_a_process_start(bench):
    """Whatever fails between exec and the first login: a login succeeds soon after, and no administrator had to act."""
    def start_again() -> None:
        for pid in bench.server.plugin_pids():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not bench.server.plugin_pids(), "the plugin to be gone")

    start_again()
    bench.failing.arm(0)
    bench.good_login()
    calls, _ = bench.failing.disarm()
    step = 1 if os.environ.get("VPA_TORTURE") == "all" else calls // STARTS + 1
    outcomes, wrong = Counter(), []
    for nth in range(1 + random.randrange(step), calls + 1, step):
        start_again()
        bench.failing.arm(nth)
        answer = bench.mount.login(bench.token)
        _, symbol = bench.failing.disarm()
        if answer.status_code == 200:
            assert policies(answer.json()["auth"]) == ["arvados-read", "default"]
        outcomes[f"{answer.status_code} without {symbol}" if symbol else "nothing failed"] += 1
        try:
            wait_until(lambda: bench.mount.login(bench.token).status_code == 200, "a login to succeed", 10)
        except AssertionError as failure:
            wrong.append(f"call {nth} ({symbol}): {answer.text}: {failure}")
            break  # a mount that is stuck stays so
    print(f"{calls} calls: {dict(outcomes)}")
    assert not wrong, "\n".join(wrong)
    assert sum(n for what, n in outcomes.items() if "without" in what) > 0.8 * outcomes.total()
