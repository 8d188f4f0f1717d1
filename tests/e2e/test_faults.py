"""Faults of docs/evidence/faults.md that no other test brings about. After each: no grant but the right one, the class of failure that the contract
says, nothing left behind, and the next login is served."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from conftest import Mount, make_mount, start_server, stop_server
from host import new_name
from processes import wait_until
from simulator import faults


def prepare(server, sim, **settings):
    mount = make_mount(server, sim)
    mount.configure(**settings)
    sim.grant("arvados-read", sim.user("active"))
    return mount, sim.run_container("active").token


def check(answers, mount, token, failures=(500, 502, 503)) -> list[int]:
    """The oracle: nothing granted but what is granted, nothing else than a failure of its class, and all is well again."""
    for answer in answers:
        if answer.status_code == 200:
            assert sorted(answer.json()["auth"]["token_policies"]) == ["arvados-read", "default"]
        else:
            assert answer.status_code in failures, answer.text
    wait_until(lambda: mount.login(token).status_code == 200, "a login after the fault")
    wait_until(lambda: len(mount.bao.plugin_pids()) == 1, "one plugin process and no other")
    assert mount.bao.call("GET", "sys/health", token="").status_code == 200
    log = mount.bao.log() + mount.bao.audit()
    assert token.split("/")[2] not in log and mount.sim.admin_token.split("/")[2] not in log
    return [answer.status_code for answer in answers]


def logins(mount, token, n: int, workers: int = 50, meanwhile=lambda: None) -> list:
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(mount.login, token) for _ in range(n)]
        meanwhile()
        return [future.result() for future in futures]


def test_F02_a_black_hole_is_a_timeout_within_the_budget(granted):
    mount, container = granted
    mount.configure(request_timeout="2s")
    hole = mount.sim.faults.add("/arvados/v1/users/current", faults.hang(), times=None)
    started = time.monotonic()
    answer = mount.login(container.token)
    took = time.monotonic() - started
    assert mount.reason(answer) == "upstream_timeout" and answer.status_code == 503
    assert took < 2 + 5  # the budget, and room for a slow machine
    hole.remove()
    mount.sim.faults.clear()
    check([], mount, container.token)


@pytest.mark.parametrize("value", ["1", "3600", "-1", "Wed, 21 Oct 2065 07:28:00 GMT", "garbage", ""])
def test_F05_a_server_that_asks_for_time_is_asked_again_inside_the_budget_or_not_at_all(granted, value):
    mount, container = granted
    mount.configure(request_timeout="4s")
    mount.sim.faults.add("/arvados/v1/*", faults.reply(503, b"{}", "application/json", **{"Retry-After": value}), times=1)
    answer = mount.login(container.token)
    check([answer], mount, container.token, failures=(503,))


def test_F14_fifty_logins_in_flight_when_the_plugin_is_killed(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="20s", max_concurrent_requests=64)
    sim.log.clear()
    sim.faults.add("/arvados/v1/containers/current", faults.hang(), times=None)

    def kill() -> None:
        wait_until(lambda: len(sim.log.entries()) >= 3, "logins to be under way")  # the limit starts at 8
        own_bao.kill_plugin()
        sim.faults.clear()

    (killed,) = own_bao.plugin_pids()
    # What was in flight is 500; or, where the host saw the process end before its connection, it asked a new one by itself.
    check(logins(mount, token, 50, meanwhile=kill), mount, token, failures=(500, 503))
    assert own_bao.plugin_pids() != [killed]


def test_F15_a_plugin_that_is_killed_again_and_again(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    stop, answers = threading.Event(), []

    def load() -> None:
        while not stop.is_set():
            answers.append(mount.login(token))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        seen = len(answers)
        wait_until(lambda: any(answer.status_code == 200 for answer in answers[seen:]), "the plugin to be back", 60)
        for pid in own_bao.plugin_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    stop.set()
    for thread in threads:
        thread.join()
    check(answers, mount, token, failures=(500, 503))
    assert len(list((own_bao.dir / "tmp").glob("vpa-*"))) <= 2, "sockets of the killed are swept"


def test_F16_a_plugin_that_was_stopped_goes_on_and_what_is_late_is_not_served(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="2s")
    mount.login(token)
    (pid,) = own_bao.plugin_pids()
    sim.faults.add("/arvados/v1/users/current", faults.delay(1.0), times=None)
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(mount.login, token) for _ in range(5)]
        time.sleep(0.5)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(4)
        os.kill(pid, signal.SIGCONT)
        answers = [future.result() for future in futures]
    sim.faults.clear()
    check(answers, mount, token)
    assert own_bao.plugin_pids() == [pid], "being stopped is not being deaf"


@pytest.mark.parametrize("offset", ["+1h", "-1h", "+10y"])
@pytest.mark.plain_build
def test_F25_a_clock_that_is_wrong_never_makes_a_token_longer(tmp_path, sim, offset):
    library = next((path for path in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1")
                    if os.path.exists(path)), None)
    assert library, "libfaketime is missing; scripts/test installs it"
    # The host is a static program: only the plugin takes the false time.
    server = start_server(tmp_path / "server", env={"LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    try:
        server.register()
        path = new_name("arvados")
        if server.enable(path).status_code != 204:
            return  # a certificate of another time: no mutual TLS, said in the log; nothing is served
        mount = Mount(server, sim, path)
        written = mount.write_config(**mount.settings())
        sim.grant("arvados-read", sim.user("active"))
        login = mount.login(sim.run_container("active").token)
        if login.status_code == 200:
            assert 30 <= login.json()["auth"]["lease_duration"] <= 900
        else:
            # An hour back the host's certificate is not valid yet, ten years on Arvados' has expired, and so has the token.
            assert login.status_code in (400, 403, 500, 503), f"{written.text} {login.text}"
    finally:
        stop_server(server)


def test_F26_a_thousand_logins_while_arvados_hangs(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="3s", max_retries=0)
    mount.login(token)
    sim.faults.add("/arvados/v1/*", faults.hang(), times=None)
    slowest = []

    def watch() -> None:
        for _ in range(20):
            started = time.monotonic()
            assert own_bao.call("GET", "sys/health", token="").status_code == 200
            assert own_bao.call("GET", f"auth/{mount.path}/config").status_code == 200
            slowest.append(time.monotonic() - started)
            time.sleep(0.1)

    n = 1000 if os.environ.get("VPA_FAULTS") == "all" else 150
    answers = logins(mount, token, n, workers=250, meanwhile=watch)
    sim.faults.clear()
    statuses = check(answers, mount, token, failures=(503,))
    assert statuses.count(503) == n
    print(f"health and a config read together took {max(slowest) * 1000:.0f} ms at the most")


@pytest.mark.plain_build
def test_F33_memory_that_runs_out_grants_nothing(own_bao, sim):
    mount, token = prepare(own_bao, sim)
    mount.login(token)
    (pid,) = own_bao.plugin_pids()
    used = int(open(f"/proc/{pid}/statm").read().split()[0]) * resource.getpagesize()
    # Little more than it has: some requests find no memory, whoever allocates.
    resource.prlimit(pid, resource.RLIMIT_AS, (used + 256 * 1024, resource.RLIM_INFINITY))
    big = "x" * 60000
    with ThreadPoolExecutor(20) as pool:
        rubbish = [pool.submit(own_bao.call, "POST", f"auth/{mount.path}/login", {"token": token, "padding": big}, token="") for _ in range(100)]
        answers = [future.result() for future in rubbish]
    for other in own_bao.plugin_pids():
        if other == pid:
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check(answers, mount, token, failures=(400, 500, 502, 503))


def test_F34_a_machine_without_time_to_spare(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="30s")
    hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        statuses = check(logins(mount, token, 100, workers=10), mount, token)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert statuses.count(200) == 100


def test_F35_clients_that_leave_in_the_midst(own_bao, sim):
    mount, token = prepare(own_bao, sim, request_timeout="20s", max_concurrent_requests=8)
    mount.login(token)
    (pid,) = own_bao.plugin_pids()
    before = len(os.listdir(f"/proc/{pid}/fd"))
    sim.faults.add("/arvados/v1/users/current", faults.hang(), times=None)

    def leave(_: int) -> None:
        try:
            own_bao.call("POST", f"auth/{mount.path}/login", {"token": token}, token="", timeout=random.uniform(0.05, 0.3))
        except requests.exceptions.RequestException:
            pass

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(leave, range(400)))
    sim.faults.clear()
    check([], mount, token)
    # What stays is the pool: for each turn at Arvados its connections (three at most) and a pair of sockets to wake it.
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 8 * 5, "connections of those who left to be closed")


@pytest.mark.parametrize("path", ["containers/current", "users/current", "api_client_authorizations/current", "links"])
def test_F40_a_grant_that_is_withdrawn_between_the_questions(granted, path):
    """Granted or refused, as the last answer that counts said; never more than was granted at some moment of the login."""
    mount, container = granted
    link = mount.sim.grant("arvados-second", mount.sim.user("active"))
    done = []

    def withdraw(document):
        done.append(mount.sim.call("DELETE", f"links/{link['uuid']}"))
        return document

    mount.sim.faults.add(f"/arvados/v1/{path}", faults.mutate(withdraw), times=1)
    answer = mount.login(container.token)
    assert answer.status_code == 200, answer.text
    assert done, "the link was withdrawn while the login was under way"
    held = sorted(answer.json()["auth"]["token_policies"])
    assert held in (["arvados-read", "default"], ["arvados-read", "arvados-second", "default"])
    # Whatever was in time for this login, a token with what is gone is not renewed.
    renewal = mount.renew(answer.json()["auth"]["client_token"])
    assert (renewal.status_code == 200) == ("arvados-second" not in held), renewal.text
    check([], mount, container.token)
