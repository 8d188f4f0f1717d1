"""No token in any log, audit file, error, temporary file, argument list or environment."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from conftest import make_mount
from simulator import faults

PLUGIN_LINE = re.compile(r"vault-plugin-auth-arvados|arvados\.")


def test_no_token_appears_anywhere_after_good_and_bad_requests(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    container = sim.run_container("active")
    secrets = [container.secret, sim.admin_token.split("/")[2], sim.active_token.split("/")[2]]
    answers = []

    auth = mount.logged_in(container.token)["auth"]
    answers.append(mount.login(sim.active_token))
    answers.append(mount.login(container.token[:-1] + "!"))
    answers.append(mount.login(container.token + "\x00"))
    answers.append(mount.login(container.token, jwt=sim.active_token))
    answers.append(mount.login(container.token, role="x" * 200))
    answers.append(mount.write_config(service_token=sim.admin_token + "!"))
    answers.append(mount.write_config(service_token=sim.admin_token, unknown=container.token))
    answers.append(mount.bao.call("POST", f"auth/{mount.path}/{container.token}", {"token": container.token}))
    for action in (faults.error(500, container.token), faults.invalid_json(), faults.error(422, container.token)):
        with sim.faults.add("/arvados/v1/*", action, times=None):
            answers.append(mount.login(container.token))
            answers.append(mount.renew(auth["client_token"]))
    with sim.faults.add("*", faults.body(b'{"uuid": "' + container.token.encode() + b'"'), times=None):
        answers.append(mount.login(container.token))
    sim.finish(container)
    answers.append(mount.login(container.token))
    answers.append(mount.renew(auth["client_token"]))
    answers.append(own_bao.call("GET", f"auth/{mount.path}/config"))

    places = {"log": own_bao.log(), "audit": own_bao.audit()}
    for i, answer in enumerate(answers):
        places[f"answer {i}"] = answer.text
    for pid in own_bao.plugin_pids():
        places["argv"] = Path(f"/proc/{pid}/cmdline").read_text()
    for file in (own_bao.dir / "tmp").rglob("*"):
        if file.is_file():
            places[str(file)] = file.read_text(errors="replace")
    found = [(place, secret[:6]) for place, text in places.items() for secret in secrets if secret in text]
    # The request path is the caller's own doing: the host logs and audits paths before a plugin is asked.
    assert [f for f in found if f[0] != "audit" or not path_only(own_bao.audit(), secrets)] == []


def path_only(audit: str, secrets: list[str]) -> bool:
    """True when each secret in the audit stands in a request's path only."""
    stripped = re.sub(r'"path":"[^"]*"', "", audit)
    return not any(secret in stripped for secret in secrets)


def test_the_plugins_memory_is_not_for_others_to_read(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    (pid,) = own_bao.plugin_pids()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits)
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            Path(f"/proc/{pid}/environ").read_bytes()


def test_log_lines_of_the_plugin_are_the_hosts_own_kind(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    mount.login(sim.active_token)
    time.sleep(0.2)
    lines = [line for line in own_bao.log().splitlines() if "reason=" in line]
    assert lines, own_bao.log()[-2000:]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+ \[(DEBUG|INFO|WARN|ERROR)\]", line) for line in lines)
    assert "not_container_token" in lines[-1]


def test_variables_of_the_host_do_not_steer_the_plugin(tmp_path, sim):
    from conftest import start_server, stop_server
    keys = tmp_path / "keys"
    server = start_server(tmp_path / "server", env={
        "https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1",
        "SSLKEYLOGFILE": str(keys), "GRPC_TRACE": "all", "GRPC_VERBOSITY": "debug", "SSL_CERT_FILE": "/dev/null",
        "OPENSSL_CONF": "/nonexistent"})
    server.register()
    mount = make_mount(server, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    container = sim.run_container("active")

    assert mount.login(container.token).status_code == 200

    assert container.secret not in server.log()
    assert not keys.exists() or "CLIENT_TRAFFIC_SECRET" not in keys.read_text()
    stop_server(server)
