"""One caller, or one mount, never takes from the others what they need. What hangs here hangs until the test lets it go, so a request
that had to wait for it would never be answered."""

from __future__ import annotations

import contextlib
import itertools
import threading
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
            mount.logged_in(token)  # of a token that is not known yet one login asks, and others wait for it
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
    assert outcomes["overloaded"] > 0 and refused == 200, outcomes
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


BOGUS = "v2/zzzzz-gj3su-%015d/" + "b" * 50
REFUSED_FOR_S = 10


@contextlib.contextmanager
def flood(mount: Mount, tokens, n_clients: int):
    """So many clients that log in without a pause, each time with the next of the tokens, all of which are refused. Yields the list of statuses."""
    stop, statuses = threading.Event(), []

    def log_in() -> None:
        while not stop.is_set():
            statuses.append(mount.login(next(tokens)).status_code)

    threads = [threading.Thread(target=log_in) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_flood_of_one_bogus_token_costs_arvados_three_requests_in_ten_seconds(own_bao, sim):
    """Asked, asked again and confirmed with the service token; then refused from memory. Renewals and other logins go on."""
    mount, token = prepare(own_bao, sim, cache_ttl="10s")
    held = mount.logged_in(token)["auth"]["client_token"]
    mount.sim.faults.add("/arvados/v1/*", faults.delay(0.4), times=None)
    mount.sim.log.clear()
    bogus = BOGUS % 1
    begun = time.monotonic()
    with flood(mount, itertools.repeat(bogus), 100) as statuses:
        while time.monotonic() - begun < REFUSED_FOR_S + 2:
            assert mount.renew(held).status_code == 200
            assert mount.login(token).status_code == 200
    periods = 1 + int((time.monotonic() - begun) / REFUSED_FOR_S)
    assert set(statuses) == {403}
    asked = [entry.path for entry in mount.sim.log.entries() if entry.token == bogus]
    assert set(asked) == {"/arvados/v1/containers/current"} and 2 <= len(asked) <= 2 * periods, (len(asked), periods)
    confirmed = [entry for entry in mount.sim.log.entries() if entry.path.endswith("/api_client_authorizations/current")]
    assert len(confirmed) <= periods
    assert status(mount)["logins"]["token_rejected"] == len(statuses)


def test_a_token_that_becomes_valid_is_refused_for_ten_seconds_at_most(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    refusal = faults.reply(401, b'{"errors":["Not logged in"]}', "application/json")
    with mount.sim.faults.add(calls_of(token), refusal, times=None):
        assert mount.reason(mount.login(token)) == "token_rejected"
    answered = time.monotonic()
    while True:
        begun = time.monotonic()
        code = mount.login(token).status_code
        if begun - answered >= REFUSED_FOR_S:
            assert code == 200
            break
    with mount.sim.faults.add(calls_of(token), refusal, times=None):
        assert mount.reason(mount.login(token)) == "token_rejected"
    assert mount.login(token).status_code == 200, "a token that worked once is asked about each time"


def test_a_changed_config_forgets_which_tokens_were_refused(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    with mount.sim.faults.add(calls_of(token), faults.reply(401, b'{"errors":["no"]}', "application/json"), times=None):
        assert mount.login(token).status_code == 403
    assert mount.login(token).status_code == 403
    mount.write_config(max_retries=1)
    assert mount.login(token).status_code == 200


def test_the_limit_grows_with_the_demand_and_is_not_what_limits(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    mount.sim.faults.add("/arvados/v1/*", faults.delay(0.05), times=None)
    assert status(mount)["arvados"]["limit"] == 8
    with ThreadPoolExecutor(48) as pool:
        while status(mount)["arvados"]["limit"] < 32:
            assert {answer.status_code for answer in pool.map(lambda _: mount.login(token), range(200))} == {200}
    assert mount.sim.log.max_concurrency > 16
