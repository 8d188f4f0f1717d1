"""One caller, or one mount, never takes from the others what they need. What hangs here hangs until the test lets it go, so a request
that had to wait for it would never be answered."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Mount, make_mount
from processes import wait_until
from simulator import Simulator, faults

LOGIN_CALLS = "/arvados/v1/*/current"


def calls_of(token: str) -> dict:
    """What a login asks with its own token; the plugin's questions with the service token are others."""
    return {"path": LOGIN_CALLS, "token_uuid": token.split("/")[1]}


def prepare(server, sim, **settings) -> tuple[Mount, str]:
    mount = make_mount(server, sim)
    mount.configure(**{"request_timeout": "30s", **settings})
    sim.grant("arvados-read", sim.user("active"))
    return mount, sim.run_container("active").token


def status(mount: Mount) -> dict:
    return mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]


@contextlib.contextmanager
def hanging_logins(pool, mount: Mount, token: str, n: int):
    """So many logins whose calls Arvados does not answer, until the end of the block."""
    mount.sim.faults.add(calls_of(token), faults.hang(), times=None)
    futures = [pool.submit(mount.login, token) for _ in range(n)]
    wait_until(lambda: status(mount)["arvados"]["queued"] > 0, "others to wait for their turn")
    yield futures
    assert not any(future.done() for future in futures), "they hung all the time"
    mount.sim.faults.clear()


@pytest.mark.parametrize("bound", [2, 8, 64])
def test_renewals_and_administrators_pass_logins_that_hang(own_bao, sim, bound):
    mount, token = prepare(own_bao, sim, max_concurrent_requests=bound)
    held = mount.logged_in(token)["auth"]["client_token"]
    with ThreadPoolExecutor(100) as pool, hanging_logins(pool, mount, token, 80):
        for _ in range(5):
            renewed = mount.renew(held)
            assert renewed.status_code == 200, renewed.text
        listed = mount.bao.call("LIST", f"auth/{mount.path}/grants")
        assert listed.status_code == 200, listed.text
        assert mount.bao.call("GET", f"auth/{mount.path}/config").status_code == 200


def test_mounts_whose_arvados_hangs_do_not_delay_another(own_bao, sim):
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(250))
        healthy, healthy_token = prepare(own_bao, sim)
        hanging = []
        for _ in range(3):
            other = stack.enter_context(Simulator())
            mount, token = prepare(own_bao, other)
            hanging.append(stack.enter_context(hanging_logins(pool, mount, token, 70)))
        for _ in range(10):
            assert healthy.login(healthy_token).status_code == 200
        assert not any(future.done() for futures in hanging for future in futures)


def test_what_waits_in_vain_is_answered_when_its_time_is_over_however_many_wait(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="3s", max_retries=0)
    mount.logged_in(token)
    mount.sim.faults.add(calls_of(token), faults.hang(), times=None)

    def login(_) -> tuple[int, float]:
        begun = time.monotonic()
        return mount.login(token).status_code, time.monotonic() - begun

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(login, range(200)))

    assert {code for code, _ in answers} == {503}
    took = [seconds for _, seconds in answers]
    assert max(took) < 2 * 3, "a second wait of that length was nobody's"
    outcomes = status(mount)["logins"]
    refused = sum(count for reason, count in outcomes.items() if reason != "granted")
    assert outcomes["overloaded"] > 0 and 195 <= refused <= 200, outcomes
    assert status(mount)["arvados"]["limit"] < 8, "timeouts halve it"
    mount.sim.faults.clear()
    assert mount.login(token).status_code == 200


@pytest.mark.parametrize("code", [429, 401])
def test_what_a_callers_token_brings_concerns_that_caller(own_bao, sim, code):
    mount, token = prepare(own_bao, sim, request_timeout="10s")
    held = mount.logged_in(token)["auth"]["client_token"]
    other = mount.sim.run_container("active").token
    refusal = faults.reply(code, b'{"errors":["no"]}', "application/json", **{"Retry-After": "30"})
    mount.sim.faults.add(calls_of(token), refusal, times=None)
    for _ in range(3):
        assert mount.login(token).status_code in (403, 503)
        assert mount.login(other).status_code == 200
        assert mount.renew(held).status_code == 200


def test_the_limit_grows_with_the_demand_and_is_not_what_limits(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    mount.sim.faults.add("/arvados/v1/*", faults.delay(0.05), times=None)
    assert status(mount)["arvados"]["limit"] == 8
    with ThreadPoolExecutor(48) as pool:
        while status(mount)["arvados"]["limit"] < 32:
            assert {answer.status_code for answer in pool.map(lambda _: mount.login(token), range(200))} == {200}
    assert mount.sim.log.max_concurrency > 16
