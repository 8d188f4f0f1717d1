"""The plugin's process under a real host: killed, reloaded, disabled, sealed, orphaned; and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest

from conftest import make_mount, plugin_path, start_server, stop_server
from processes import process_exists, wait_until
from suite.server import says_plugin_died


@pytest.fixture
def life(own_bao, sim):
    """A server of the test's own, a configured mount with a grant, a running container."""
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    return mount, sim.run_container("active")


def login_after_a_kill(mount, container) -> dict:
    """The host may meet the dead connection once or more before it starts the plugin again; it says so and repeats
    nothing."""
    def answered():
        answer = mount.login(container.token)
        assert answer.status_code == 200 or says_plugin_died(answer.text), answer.text
        return answer.status_code == 200 and answer.json()

    return wait_until(answered, "a login after a kill")


@pytest.mark.core
def test_a_killed_plugin_is_back_at_the_next_login(life):
    mount, container = life
    mount.logged_in(container.token)
    mount.bao.kill_plugin()
    assert login_after_a_kill(mount, container)["auth"]["policies"] == ["arvados-read", "default"]


def test_killed_plugins_leave_no_sockets_behind(life):
    mount, container = life
    mount.logged_in(container.token)
    for _ in range(5):
        mount.bao.kill_plugin()
        login_after_a_kill(mount, container)

    ours = [entry for entry in (mount.bao.dir / "tmp").iterdir() if entry.is_dir()]
    assert len(ours) == 1, ours


def test_a_plugin_ends_with_its_host(life):
    mount, container = life
    mount.logged_in(container.token)
    (pid,) = mount.bao.plugin_pids()

    mount.bao.kill()

    wait_until(lambda: not process_exists(pid), "the orphan to end", 3)


@pytest.mark.core
def test_a_reload_keeps_the_config_and_serves_on(life):
    mount, container = life
    mount.logged_in(container.token)
    (before,) = mount.bao.plugin_pids()

    answer = mount.bao.call("POST", "sys/plugins/reload/backend", {"plugin": "arvados"})

    assert answer.status_code in (200, 202, 204), answer.text
    assert mount.login(container.token).status_code == 200
    assert mount.bao.plugin_pids() != [before]


def test_disabling_the_last_mount_ends_the_process_and_enabling_starts_anew(life):
    mount, container = life
    mount.bao.disable(mount.path)
    wait_until(lambda: not mount.bao.plugin_pids(), "the process to end", 5)

    again = make_mount(mount.bao, mount.sim)
    assert again.login(container.token).status_code == 400
    again.configure()
    assert again.login(container.token).status_code == 200


def test_disabling_one_of_two_mounts_leaves_the_other_alone(life):
    mount, container = life
    second = make_mount(mount.bao, mount.sim)
    second.configure()
    assert second.login(container.token).status_code == 200

    mount.bao.disable(second.path)

    assert mount.login(container.token).status_code == 200


@pytest.mark.core
def test_sealing_ends_the_process_and_unsealing_brings_the_config_back(life):
    mount, container = life
    mount.logged_in(container.token)
    mount.bao.client().sys.seal()
    wait_until(lambda: not mount.bao.plugin_pids(), "the process to end", 5)
    assert mount.login(container.token).status_code == 503

    mount.bao.unseal()

    assert mount.login(container.token).status_code == 200


@pytest.mark.core
def test_config_and_leases_outlive_a_kill_of_the_host(tmp_path, sim):
    server = start_server(tmp_path / "server", storage="raft")
    server.register()
    mount = make_mount(server, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    container = sim.run_container("active")
    token = mount.logged_in(container.token)["auth"]["client_token"]

    server.kill()
    server.start().unseal()

    assert mount.renew(token).status_code == 200
    assert mount.login(container.token).status_code == 200
    wait_until(lambda: len(server.plugin_pids()) == 1, "one plugin process")
    stop_server(server)


def test_an_orderly_stop_leaves_nothing_in_the_temporary_folder(tmp_path, sim):
    server = start_server(tmp_path / "server")
    server.register()
    mount = make_mount(server, sim)
    mount.configure()

    server.stop()

    assert not server.plugin_pids()
    assert [entry.name for entry in (server.dir / "tmp").iterdir() if entry.is_dir()] == []


@pytest.mark.core
def test_fifty_logins_at_once_all_succeed_within_the_connection_limit(life):
    mount, container = life
    mount.configure(max_concurrent_requests=8)
    statuses = []

    def login():
        statuses.append(mount.login(container.token).status_code)

    threads = [threading.Thread(target=login) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 50
    assert mount.sim.log.max_concurrency <= 8
    told = mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]["arvados"]
    assert told["limit"] == 8 and told["in_flight"] == told["queued"] == 0


def test_admins_are_served_while_logins_hang(life):
    from simulator import faults
    mount, container = life
    mount.configure(request_timeout="20s")
    mount.sim.faults.add("/arvados/v1/*/current", faults.hang(), times=None)
    # A token each: logins with the same token wait for one answer.
    tokens = [mount.sim.run_container("active").token for _ in range(40)]
    threads = [threading.Thread(target=mount.login, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    mount.sim.log.wait_for(8, "/arvados/v1/*/current")

    assert mount.bao.call("GET", f"auth/{mount.path}/config", timeout=10).status_code == 200
    assert mount.write_config(max_policies=3, verify_connection=False).status_code == 204

    mount.sim.faults.clear()
    for thread in threads:
        thread.join()
    assert mount.login(container.token).status_code == 200


def test_the_config_is_there_on_the_next_request_after_a_write(life):
    mount, container = life
    for prefix, status in [("other-", 403), ("arvados-", 200), ("x_", 403), ("arvados-", 200)]:
        mount.configure(allowed_policy_prefixes=[prefix])
        assert mount.login(container.token).status_code == status


# ---- by hand ----

def run_plugin(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run([plugin_path(), *arguments], capture_output=True, text=True, timeout=30, check=False,
                          env={"PATH": os.environ["PATH"], **env})


def test_run_by_hand_it_says_what_it_is():
    answer = run_plugin()
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "OpenBao" in answer.stderr and "plugin register" in answer.stderr


@pytest.mark.core
def test_it_tells_its_version_and_checks_itself():
    version = run_plugin("-version")
    assert version.returncode == 0 and version.stdout.startswith("vault-plugin-auth-arvados v")
    check = run_plugin("-selfcheck")
    assert check.returncode == 0, check.stdout + check.stderr


COOKIE = {"VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20"}


@pytest.mark.parametrize("env", [
    {**COOKIE, "PLUGIN_PROTOCOL_VERSIONS": "3,4"},
    {**COOKIE, "PLUGIN_PROTOCOL_VERSIONS": "5"},
    {"VAULT_BACKEND_PLUGIN": "wrong", "PLUGIN_PROTOCOL_VERSIONS": "5"},
    {**COOKIE, "PLUGIN_PROTOCOL_VERSIONS": "5", "PLUGIN_CLIENT_CERT": "garbage"},
])
def test_a_host_it_can_not_serve_safely_gets_no_handshake(env):
    answer = run_plugin(**env)
    assert answer.returncode == 1
    assert answer.stdout == ""


def test_each_login_sees_one_config_while_it_is_rotated(life):
    mount, container = life
    mount.sim.grant("other-read", "active")
    prefixes = ["arvados-", "other-"]
    allowed = [["arvados-read", "default"], ["default", "other-read"]]
    seen, stop = [], threading.Event()

    def rotate():
        for i in range(30):
            mount.write_config(allowed_policy_prefixes=[prefixes[i % 2]], verify_connection=False)
            time.sleep(0.3)  # a login that met a change is decided again, and must get through between two
        stop.set()

    def login():
        while not stop.is_set():
            answer = mount.login(container.token)
            seen.append(answer.json()["auth"]["policies"] if answer.status_code == 200 else answer.text)

    threads = [threading.Thread(target=login) for _ in range(6)] + [threading.Thread(target=rotate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer for answer in seen if answer not in allowed] == []
    assert all(policies in seen for policies in allowed)
    mount.configure(allowed_policy_prefixes=["other-"])
    assert mount.logged_in(container.token)["auth"]["policies"] == ["default", "other-read"]
