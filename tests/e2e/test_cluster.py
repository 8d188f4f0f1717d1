"""Three nodes on one machine: an active one and two standbys, each with a plugin process of its own."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import trustme

from conftest import make_mount, plugin_path, sanitizer_env, start_server, stop_server
from host import OpenBao
from processes import wait_until
from simulator import faults
from test_host import inline
from test_role import make_role

LINKS = "/arvados/v1/links"
IDENTITY = "/arvados/v1/users/current"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory) -> list[OpenBao]:
    """The active node first."""
    place = tmp_path_factory.mktemp("raft")
    shared = {"storage": "raft", "audit": place / "audit.log", "authority": trustme.CA()}
    started: list[OpenBao] = [start_server(place / "one", **shared)]
    try:
        started[0].register()
        for name in ("two", "three"):
            directory = place / name
            node = OpenBao(directory, plugin_path(), env=sanitizer_env(directory), **shared)
            started.append(node)
            node.start().join(started[0])
        yield started
    finally:
        for node in reversed(started):
            stop_server(node)


@pytest.fixture
def spread(nodes, sim):
    """One mount, seen through each node; `active` was granted arvados-read and runs a container."""
    mount = make_mount(nodes[0], sim)
    mounts = [mount, *(replace(mount, bao=node) for node in nodes[1:])]
    mount.configure()
    sim.grant("arvados-read", "active")
    for each in mounts:
        wait_until(lambda each=each: config_status(each) == 200, "the config on each node")
    yield mounts, sim.run_container("active")
    nodes[0].disable(mount.path)


def config_status(mount) -> int:
    return mount.bao.call("GET", f"auth/{mount.path}/config").status_code


def status(mount) -> dict:
    return mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]


@pytest.mark.core
def test_a_login_at_a_standby_asks_arvados_once_and_on_the_active_node(spread):
    (active, standby, _), container = spread
    active.sim.log.clear()
    auth = standby.logged_in(container.token)["auth"]
    assert auth["token_type"] == "service" and auth["policies"] == ["arvados-read", "default"]
    assert active.sim.log.count(IDENTITY) == 1 and active.sim.log.count(LINKS) == 2  # to groups, and to the user
    assert status(active)["logins"] == {"granted": 1}
    assert status(standby)["logins"] == {"granted": 0}


def test_a_refusal_at_a_standby_is_the_active_nodes(spread):
    (active, standby, _), _ = spread
    active.sim.log.clear()
    answer = standby.login(active.sim.active_token)
    assert answer.status_code == 403
    assert active.reason(answer) == "not_container_token"
    assert active.sim.log.count(IDENTITY) == 1


@pytest.mark.needs_standby_plugin
def test_a_batch_login_at_a_standby_gives_a_token(spread):
    """We leave it to the standby. OpenBao 2.7 keeps no token there but for inline auth, so it sends the request on: then the
    handler runs on both nodes."""
    (active, standby, _), container = spread
    make_role(active, "short", token_type="batch")
    wait_until(lambda: standby.bao.call("GET", f"auth/{standby.path}/role/short").status_code == 200, "the role there")
    answer = standby.login(container.token, role="short")
    assert answer.status_code == 200, answer.text
    assert answer.json()["auth"]["token_type"] == "batch"
    assert status(standby)["logins"]["granted"] == 1


@pytest.mark.needs_inline_auth
def test_inline_auth_by_a_batch_role_is_served_by_the_standby_itself(spread):
    (active, standby, _), container = spread
    bao = active.bao
    make_role(active, "short", token_type="batch")
    bao.call("POST", "sys/policies/acl/arvados-read",
             {"policy": 'path "sys/internal/ui/mounts" { capabilities = ["read"] }'})
    # The user's entity is made by whoever sees him first, and only the active node can; then it must come here.
    assert active.login(container.token, role="short").status_code == 200

    def served_there() -> bool:
        before = status(active)["logins"]["granted"]
        active.sim.log.clear()
        answer = inline(standby.bao, "sys/internal/ui/mounts", standby.path, token=container.token, role="short")
        return answer.status_code == 200 and status(active)["logins"]["granted"] == before

    wait_until(served_there, "the standby to serve a login itself")
    assert active.sim.log.count(IDENTITY) == 1
    active.sim.finish(container)
    assert inline(standby.bao, "sys/internal/ui/mounts", standby.path, token=container.token,
                  role="short").status_code == 403


@pytest.mark.needs_standby_plugin
def test_a_role_that_is_not_batch_is_always_forwarded(spread):
    (active, standby, _), container = spread
    make_role(active, "long", token_type="service")
    wait_until(lambda: standby.bao.call("GET", f"auth/{standby.path}/role/long").status_code == 200, "the role there")
    assert standby.login(container.token, role="long").json()["auth"]["token_type"] == "service"
    assert status(standby)["logins"] == {"granted": 0}


def test_a_standby_that_has_not_heard_of_a_role_yet_sends_the_login_on(spread):
    (active, standby, other), container = spread
    for number in range(20):
        make_role(active, f"new-{number}")
        for mount in (standby, other):
            assert mount.login(container.token, role=f"new-{number}").status_code == 200


@pytest.mark.core
def test_a_renewal_at_a_standby_asks_arvados_once(spread):
    (active, standby, _), container = spread
    auth = active.logged_in(container.token)["auth"]
    active.sim.log.clear()
    answer = standby.renew(auth["client_token"])
    assert answer.status_code == 200, answer.text
    assert active.sim.log.count("/arvados/v1/containers") == 1
    active.sim.finish(container)
    assert standby.renew(auth["client_token"]).status_code in (400, 403)


def test_a_config_written_through_a_standby_is_soon_everywhere(spread):
    mounts, _ = spread
    for number in range(10):
        writer = mounts[1 + number % 2]
        assert writer.write_config(max_policies=100 + number).status_code == 204
        for mount in mounts:
            wait_until(lambda mount=mount, number=number: mount.read_config()["max_policies"] == 100 + number,
                       "the new value on each node", 5)


def test_a_role_written_and_deleted_through_a_standby_is_so_everywhere(spread):
    mounts, _ = spread
    make_role(mounts[2], "ci", token_ttl=77)
    for mount in mounts:
        wait_until(lambda mount=mount: mount.bao.call("GET", f"auth/{mount.path}/role/ci").status_code == 200, "it there")
    assert mounts[1].bao.call("DELETE", f"auth/{mounts[1].path}/role/ci").status_code == 204
    for mount in mounts:
        wait_until(lambda mount=mount: mount.bao.call("GET", f"auth/{mount.path}/role/ci").status_code == 404, "it gone")


@pytest.mark.needs_standby_plugin
def test_standbys_forget_what_they_remembered_when_the_config_changes(spread):
    """A batch login at a standby goes by the standby's own picture of the config."""
    (active, standby, _), container = spread
    active.configure(cache_ttl="1h")
    make_role(active, "short", token_type="batch")
    active.sim.grant("arvados-more", "active")

    def policies() -> list[str] | None:
        answer = standby.login(container.token, role="short")
        return answer.json()["auth"]["policies"] if answer.status_code == 200 else None

    assert active.login(container.token, role="short").status_code == 200
    wait_until(lambda: policies() == ["arvados-more", "arvados-read", "default"] and
               status(standby)["logins"]["granted"] > 0, "a login served by the standby")
    active.write_config(allowed_policies=["arvados-read"])
    wait_until(lambda: policies() == ["arvados-read", "default"], "the narrower config there")
    active.bao.call("DELETE", f"auth/{active.path}/config")
    wait_until(lambda: standby.login(container.token, role="short").status_code == 400, "no config there")


@pytest.mark.needs_standby_plugin
def test_what_only_reads_is_answered_by_the_standby(spread):
    (active, standby, _), container = spread
    active.sim.log.clear()
    base = f"auth/{standby.path}"
    for method, path, body in [("GET", "config/check", None), ("GET", "version", None), ("LIST", "grants", None),
                               ("GET", f"grants/{container.user_uuid}", None), ("GET", "version/client-only", None),
                               ("POST", "explain", {"user_uuid": container.user_uuid})]:
        answer = standby.bao.call(method, f"{base}/{path}", body)
        assert answer.status_code == 200, (path, answer.text)
    asked = active.sim.log.count()
    assert sum(status(standby)["arvados"]["calls"].values()) >= asked > 10


def test_help_works_on_a_standby(spread):
    (_, standby, _), _ = spread
    answer = standby.bao.call("GET", f"auth/{standby.path}/config?help=1")
    assert answer.status_code == 200 and "allowed_policy_prefixes" in answer.json()["help"]


def test_an_outage_of_arvados_at_a_standby_says_so(spread):
    (active, standby, _), container = spread
    with active.sim.faults.add("/arvados/v1/*", faults.overload(), times=None):
        assert standby.login(container.token).status_code == 503


def test_many_logins_at_all_nodes_ask_once_each(spread):
    mounts, container = spread
    mounts[0].sim.log.clear()
    answers: list[int] = []

    def login(mount) -> None:
        answers.append(mount.login(container.token).status_code)

    threads = [threading.Thread(target=login, args=(mount,)) for mount in mounts for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 30
    assert mounts[0].sim.log.count(IDENTITY) == 30


@pytest.mark.core
def test_a_new_leader_goes_on(nodes, spread):
    """Last: the roles of the nodes change."""
    mounts, container = spread
    auth = mounts[0].logged_in(container.token)["auth"]

    def voters() -> int:
        servers = nodes[0].call("GET", "sys/storage/raft/configuration").json()["data"]["config"]["servers"]
        return sum(server["voter"] for server in servers)

    wait_until(lambda: voters() == 3, "the standbys to be electable", 60)  # the host lets them settle for 10 s
    nodes[0].call("POST", "sys/step-down")

    def leader() -> OpenBao | None:
        return next((node for node in nodes if node.call("GET", "sys/health", token="").status_code == 200), None)

    wait_until(lambda: leader() not in (None, nodes[0]), "another node to lead", 60)
    start = time.monotonic()
    for mount in mounts:
        wait_until(lambda mount=mount: mount.login(container.token).status_code == 200, "logins at each node", 60)
        wait_until(lambda mount=mount: mount.renew(auth["client_token"]).status_code == 200, "renewals at each node", 60)
    assert time.monotonic() - start < 120
