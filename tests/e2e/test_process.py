"""What the plugin's process is allowed and shows, seen from outside while a real host runs it."""

from __future__ import annotations

import json
import os
import re
import resource
from pathlib import Path

import pytest

from conftest import make_mount, start_server, stop_server
from processes import wait_until


def plugin_pid(server) -> int:
    (pid,) = wait_until(lambda: len(found := server.plugin_pids()) == 1 and found, "one plugin process")
    return pid


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines)


@pytest.mark.core
def test_it_gains_nothing_dumps_nothing_and_can_call_no_more_than_it_needs(granted):
    mount, container = granted
    mount.logged_in(container.token)
    pid = plugin_pid(mount.bao)
    status = status_of(pid)
    assert status["NoNewPrivs"].strip() == "1"
    assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text())
    if not os.environ.get("VPA_SANITIZED"):
        assert status["Seccomp"].strip() == "2"


@pytest.mark.plain_build
def test_the_log_says_which_of_the_kernels_means_are_in_force(mount):
    mount.login("x")
    line = next(line for line in mount.bao.log().splitlines() if "sandbox" in line)
    assert re.search(r"landlock=[1-9]", line) and "seccomp=on" in line, line


@pytest.mark.core
def test_its_environment_holds_nothing_of_the_hosts(tmp_path, sim):
    server = start_server(tmp_path / "server", env={"BAO_TOKEN": "hvs.hosts-own", "AWS_SECRET_ACCESS_KEY": "canary-aws", "https_proxy": "http://10.9.9.9:1",
                                                    "SSLKEYLOGFILE": str(tmp_path / "keys"), "OPENSSL_CONF": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"})
    try:
        server.register()
        mount = make_mount(server, sim)
        mount.configure()
        sim.grant("arvados-read", sim.user("active"))
        mount.logged_in(sim.run_container("active").token)
        environ = Path(f"/proc/{plugin_pid(server)}/environ").read_bytes()
        names = {part.split(b"=")[0].decode() for part in environ.split(b"\0") if part.strip(b"\0")}
        assert names <= {"PATH", "TZ", "LANG", "LC_ALL", "TMPDIR"}
        assert b"hosts-own" not in environ and b"canary" not in environ and b"proxy" not in environ
        assert not (tmp_path / "keys").exists()
    finally:
        stop_server(server)


def test_it_has_no_descriptor_of_its_hosts(granted):
    mount, container = granted
    mount.logged_in(container.token)
    pid = plugin_pid(mount.bao)
    shown = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    files = [name for name in shown if name.startswith("/") and not name.startswith("/dev/")]
    assert files == [], "no regular file is open: neither the host's audit log nor its storage"


@pytest.mark.core
@pytest.mark.plain_build
def test_a_name_is_still_resolved_and_the_systems_trust_still_read(bare_mount):
    """What the files' rules must let through."""
    mount = bare_mount
    port = mount.sim.host.rsplit(":", 1)[1]
    mount.configure(arvados_api_host=f"localhost:{port}")
    mount.sim.grant("arvados-read", mount.sim.user("active"))
    mount.logged_in(mount.sim.run_container("active").token)
    answer = mount.write_config(**mount.settings(arvados_ca_cert=""))
    assert answer.status_code == 503 and "certificate" in answer.text, answer.text


def anonymous_memory(pid: int) -> bytes:
    """Heap, stacks and other private pages, as root reads them."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            area, rights, _, device, *_ = line.split()
            if not rights.startswith("rw") or device != "00:00" or "[v" in line:
                continue
            start, end = (int(part, 16) for part in area.split("-"))
            try:
                memory.seek(start)
                found.append(memory.read(end - start))
            except OSError:
                pass  # a guard page
    return b"".join(found)


@pytest.mark.plain_build
def test_few_copies_of_a_run_token_stay_in_memory(own_bao, sim):
    """The service token stays, in the arena: it is needed. Of a run token none of ours does, but what libraries received or sent and freed
    without wiping may (docs/explanation/security.md), until something else lies there. In a process of its own: others' threads would keep copies too."""
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", sim.user("active"))
    container = sim.run_container("active")
    secret = container.token.split("/")[2].encode()
    for _ in range(3):
        mount.logged_in(container.token)
    other = mount.sim.run_container("spectator")
    for _ in range(40):
        mount.login(other.token)
    memory = anonymous_memory(plugin_pid(mount.bao))
    assert mount.sim.admin_token.split("/")[2].encode() in memory, "the search would find one that is there"
    # In what gRPC received and libcurl sent, freed by them and not wiped: a few for each connection that is kept.
    assert memory.count(secret) <= 16


def test_it_serves_where_nothing_may_be_locked(tmp_path, sim):
    server = start_server(tmp_path / "server", preexec=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)))
    try:
        server.register()
        mount = make_mount(server, sim)
        mount.configure()
        sim.grant("arvados-read", sim.user("active"))
        assert json.dumps(mount.logged_in(sim.run_container("active").token)["auth"]["policies"]) == '["arvados-read", "default"]'
    finally:
        stop_server(server)


def test_a_temporary_directory_whose_path_is_too_long_is_told_in_the_servers_log(tmp_path):
    """The host's own error says only that the plugin told it nothing; it then asks once more, with an older protocol."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    server = start_server(tmp_path / "server", env={"TMPDIR": str(folder)})
    try:
        server.register()
        answer = server.enable("arvados")
        assert answer.status_code == 400 and "Failed to read any lines" in answer.text, answer.text
        told = (re.escape(str(folder)[:100]) + rf".* it has {len(str(folder))} bytes, with the socket in it \d+, and 107 are allowed. "
                r"Set TMPDIR in the server's environment to a directory of at most \d+ bytes")
        for words in (told, "the error before this one says why"):
            wait_until(lambda words=words: re.search(rf"\[ERROR\].*the plugin cannot start.*{words}", server.log()), words)
    finally:
        stop_server(server)
