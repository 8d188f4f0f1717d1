"""The service token is as narrow as the program says, and its place is taken by a new one without a login that fails."""

from __future__ import annotations

import ast
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "docs/examples/service_token.py"
# The program, but that it does not wait.
IN_HASTE = "import sys, service_token as program; program.FAIL_OVER_S = program.NODE_S = 0; sys.exit(program.main())"


def scopes() -> list[str]:
    """As they stand in the program."""
    tree = ast.parse(PROGRAM.read_text())
    return next(ast.literal_eval(node.value) for node in tree.body
                if isinstance(node, ast.Assign) and node.targets[0].id == "SCOPES")


@pytest.fixture
def program(sim, tmp_path):
    def run(*words: str, stdin: str = "", haste: bool = False, **env: str) -> subprocess.CompletedProcess:
        start = ["-c", IN_HASTE] if haste else [str(PROGRAM)]
        usual = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SSL_CERT_FILE": sim.ca_pem, "ARVADOS_API_HOST": sim.host,
                 "ARVADOS_API_TOKEN": sim.admin_token, "PYTHONPATH": str(PROGRAM.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, *start, *words], env={**usual, **env}, input=stdin, capture_output=True,
                              text=True, timeout=120, check=False, cwd=tmp_path)
        assert sim.admin_token not in done.stdout + done.stderr and "Traceback" not in done.stderr, done.stderr
        return done

    return run


def vault_env(mount) -> dict[str, str]:
    return {"BAO_ADDR": mount.bao.address, "BAO_TOKEN": mount.bao.root_token, "BAO_CACERT": mount.bao.ca}


def tokens_of_admin(sim) -> set[str]:
    return {item["uuid"] for item in sim.call("GET", "api_client_authorizations", token=sim.admin_token, limit=1000)["items"]}


def wrong(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("WRONG")]


# ---- making and checking ----


def test_the_plugin_asks_all_that_the_scopes_allow_and_nothing_else(program, mount, tmp_path):
    """Logins, renewals and the mount's checks, with grants to a role: each call made with the service token has its scope."""
    assert program("service-token").returncode == 0
    token = (tmp_path / "service-token").read_text().strip()
    mount.sim.log.clear()
    mount.configure(service_token=token)
    role = mount.sim.new_role("team")["uuid"]
    mount.sim.add_member(role, "active")
    mount.sim.grant("arvados-team", role)
    auth = mount.logged_in(mount.sim.run_container("active").token)["auth"]
    assert "arvados-team" in auth["policies"]
    assert mount.renew(auth["client_token"]).status_code == 200
    checks = mount.bao.call("GET", f"auth/{mount.path}/config/check").json()["data"]
    assert checks["ok"], checks

    asked = {f"{entry.method} {entry.path}" for entry in mount.sim.log.entries() if entry.token == token}
    assert asked == {*scopes(), "GET /arvados/v1/api_client_authorizations/current"}  # the last one needs no scope


def test_a_new_token_is_written_for_its_owner_alone(program, sim, tmp_path):
    (tmp_path / "service-token").write_text("an older one, and a long one " * 10)
    (tmp_path / "service-token").chmod(0o644)
    done = program("make", "service-token", "--expires-in=365")
    assert done.returncode == 0 and wrong(done) == [], done.stdout
    assert (tmp_path / "service-token").stat().st_mode & 0o777 == 0o600
    token = (tmp_path / "service-token").read_text().strip()
    assert sim.call("GET", "api_client_authorizations/current", token=token)["scopes"] == scopes()
    assert "in 364 days" in done.stdout and token.split("/")[2] not in done.stdout


def test_a_token_for_a_pipe_is_all_that_is_printed(program):
    done = program("make", "-")
    assert done.returncode == 0 and done.stdout.startswith("v2/") and len(done.stdout.splitlines()) == 1
    again = program("check", "-", stdin=done.stdout)
    assert again.returncode == 0 and wrong(again) == []
    assert all(f"  {scope}\n" in again.stdout for scope in scopes()) and "does not expire" in again.stdout


def test_no_token_is_left_that_is_not_good_or_has_no_place(program, sim, tmp_path):
    before = tokens_of_admin(sim)
    done = program("make", "nowhere/service-token")
    assert done.returncode == 1 and "nowhere/service-token" in done.stderr
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert program("make", "link").returncode == 1 and not (tmp_path / "elsewhere").exists()
    soon = program("make", "service-token", "--expires-in=10")
    assert soon.returncode == 1 and "in 9 days" in wrong(soon)[0]
    assert tokens_of_admin(sim) == before
    nobody = program("make", "service-token", ARVADOS_API_TOKEN=sim.active_token)
    assert nobody.returncode == 1 and "an admin's?" in nobody.stderr
    assert len(wrong(nobody)) == 2 and "/users" in wrong(nobody)[0] and "/computed_permissions" in wrong(nobody)[1]
    assert not (tmp_path / "service-token").exists()


@pytest.mark.parametrize("scope", scopes())
def test_a_scope_that_is_missing_is_found(program, sim, scope):
    token = sim.new_token("admin", scopes=[other for other in scopes() if other != scope])
    done = program("check", "-", stdin=token)
    assert done.returncode == 1 and len(wrong(done)) == 1, done.stdout
    assert scope.split()[1] in wrong(done)[0] and "Forbidden" in wrong(done)[0]


# A scope too many, and the call that it should not allow.
@pytest.mark.parametrize("scope, call", [
    ("GET /arvados/v1/containers/", "/auth"), ("GET /arvados/v1/containers/", "/secret_mounts"), ("GET /arvados/v1/collections", "/collections"),
    ("GET /arvados/v1/api_client_authorizations", "/api_client_authorizations"),
    ("POST /arvados/v1/api_client_authorizations", "making tokens"), ("PUT /arvados/v1/api_client_authorizations/", "widening tokens"),
    ("POST /arvados/v1/links", "granting"), ("PATCH /arvados/v1/links/", "changing grants"), ("DELETE /arvados/v1/links/", "taking grants away"),
    ("PATCH /arvados/v1/users/", "changing users")])
def test_a_scope_too_many_is_found_and_nothing_is_changed_by_looking(program, sim, scope, call):
    token = sim.new_token("admin", scopes=[*scopes(), scope])
    counts = [len(sim.call("GET", kind, limit=1000)["items"]) for kind in ("links", "users", "api_client_authorizations")]
    done = program("check", "-", stdin=token)
    assert done.returncode == 1 and f"does not need the scope {scope}" in wrong(done)[0]
    assert any(call in line and "its scopes allow it" in line for line in wrong(done)[1:]), done.stdout
    assert [len(sim.call("GET", kind, limit=1000)["items"]) for kind in ("links", "users", "api_client_authorizations")] == counts


def test_a_token_with_all_rights_fails_every_call_that_it_must_not_make(program, sim):
    done = program("check", "-", stdin=sim.token("admin"))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert all(line.startswith("WRONG") for line in lines if "must not" in line) and sum("must not" in line for line in lines) == 10


@pytest.mark.parametrize("token, words", [("", "no v2 token"), ("v2/zzzzz-gj3su-000000000000000/short", "no v2 token"),
                                          ("v2/zzzzz-gj3su-nobody000000000/" + "x" * 50, "401")])
def test_what_is_no_token_is_told(program, sim, token, words):
    done = program("check", "-", stdin=token)
    assert done.returncode == 1 and words in done.stderr
    assert "no v2 token" in program("check", "-", stdin=sim.root_token).stderr


def test_whom_to_ask_comes_from_arvados_own_settings(program, sim, tmp_path):
    assert "ARVADOS_API_HOST is not set" in program("make", "-", ARVADOS_API_HOST="").stderr
    (tmp_path / ".config/arvados").mkdir(parents=True)
    (tmp_path / ".config/arvados/settings.conf").write_text(f"ARVADOS_API_HOST={sim.host}\nARVADOS_API_TOKEN={sim.admin_token}\n")
    assert program("make", "-", ARVADOS_API_HOST="", ARVADOS_API_TOKEN="").returncode == 0
    assert "was not reached" in program("make", "-", SSL_CERT_FILE="/dev/null").stderr
    assert "not https" in program("make", "-", ARVADOS_API_HOST="http://arvados.example.org").stderr


# ---- putting a new one in its place ----


@pytest.fixture
def rotating(program, mount, tmp_path):
    """A mount with a service token made by the program; its uuid."""
    assert program("service-token").returncode == 0
    mount.configure(service_token=(tmp_path / "service-token").read_text(), request_timeout="1s")
    mount.sim.grant("arvados-read", mount.sim.user("active"))
    return mount.read_config()["service_token_uuid"]


def test_rotation_leaves_one_token_and_logins_go_on(program, mount, rotating):
    before = tokens_of_admin(mount.sim)
    done = program("rotate", f"--mount={mount.path}", "--expires-in=365", **vault_env(mount))
    assert done.returncode == 0, done.stderr
    new = mount.read_config()["service_token_uuid"]
    assert new != rotating and tokens_of_admin(mount.sim) == before - {rotating} | {new}
    assert f"{rotating} is deleted" in done.stdout and "config/check scopes: " in done.stdout
    mount.logged_in(mount.sim.run_container("active").token)


def test_mounts_that_share_a_token_are_rotated_together(program, mount, rotating, bao, tmp_path):
    second = type(mount)(bao, mount.sim, f"{mount.path}-second")
    assert bao.enable(second.path).status_code == 204
    second.configure(service_token=(tmp_path / "service-token").read_text(), request_timeout="1s")
    done = program("rotate", f"--mount={mount.path}", f"--mount={second.path}", **vault_env(mount))
    assert done.returncode == 0, done.stderr
    new = mount.read_config()["service_token_uuid"]
    assert second.read_config()["service_token_uuid"] == new != rotating
    assert done.stdout.count("is deleted") == 1
    bao.disable(second.path)


def test_a_rotation_that_fails_leaves_the_old_token_in_its_place(program, mount, rotating):
    before = tokens_of_admin(mount.sim)

    def refused(words: str, *more: str, **env: str) -> None:
        done = program("rotate", f"--mount={mount.path}", *more, **{**vault_env(mount), **env})
        assert done.returncode == 1 and words in done.stderr, (done.stdout, done.stderr)

    refused("permission denied", BAO_TOKEN="s.nobody")
    refused("not set", BAO_ADDR="")
    refused("an admin's?", ARVADOS_API_TOKEN=mount.sim.active_token)
    refused("404", "--mount=nowhere")
    mount.bao.call("POST", "sys/policies/acl/reader", {"policy": f'path "auth/{mount.path}/*" {{ capabilities = ["read"] }}'})
    reader = mount.bao.call("POST", "auth/token/create", {"policies": ["reader"]}).json()["auth"]["client_token"]
    refused("permission denied", BAO_TOKEN=reader)  # it may read the config, so a token was made before
    with type(mount.sim)("yyyyy") as other:
        refused("which of them is it?", ARVADOS_API_HOST=other.host, ARVADOS_API_TOKEN=other.admin_token, SSL_CERT_FILE=other.ca_pem)
    assert tokens_of_admin(mount.sim) == before
    assert mount.read_config()["service_token_uuid"] == rotating
    mount.logged_in(mount.sim.run_container("active").token)


@pytest.fixture
def losing(bao):
    """Starts a way to the server, by plain HTTP, that passes a write of a config on and loses its answer; what is asked after that, it loses as well if
    it is to. Its address."""
    servers = []

    def start(afterwards: bool) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            lost = False

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if Handler.lost and afterwards:
                    return
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(self.command, bao.address + self.path, data=body, headers={"X-Vault-Token": self.headers["X-Vault-Token"]},
                                             verify=bao.ca, timeout=60)
                if self.command == "POST":
                    assert answer.ok
                    Handler.lost = True
                    return
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_GET

            def log_message(self, *words) -> None:
                """pytest shows enough."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_write_whose_answer_is_lost_was_carried_out_if_the_config_says_so(program, mount, rotating, losing):
    before = tokens_of_admin(mount.sim)
    done = program("rotate", f"--mount={mount.path}", **{**vault_env(mount), "BAO_ADDR": losing(afterwards=False)})
    assert done.returncode == 0, done.stderr
    assert tokens_of_admin(mount.sim) == before - {rotating} | {mount.read_config()["service_token_uuid"]}
    mount.logged_in(mount.sim.run_container("active").token)


def test_a_token_that_may_be_in_use_is_not_deleted(program, mount, rotating, losing):
    before = tokens_of_admin(mount.sim)
    done = program("rotate", f"--mount={mount.path}", haste=True, **{**vault_env(mount), "BAO_ADDR": losing(afterwards=True)})
    new = mount.read_config()["service_token_uuid"]
    assert done.returncode == 1 and f"it is not known whether auth/{mount.path} has {new}" in done.stderr
    assert tokens_of_admin(mount.sim) == before | {new} and new != rotating
    mount.logged_in(mount.sim.run_container("active").token)


def test_a_second_mount_that_refuses_is_named_and_nothing_is_deleted(program, mount, rotating, bao, tmp_path):
    second = type(mount)(bao, mount.sim, f"{mount.path}-second")
    assert bao.enable(second.path).status_code == 204
    second.configure(service_token=(tmp_path / "service-token").read_text(), request_timeout="1s")
    bao.call("POST", "sys/policies/acl/half", {"policy": f'path "auth/{mount.path}/*" {{ capabilities = ["read", "update"] }}\n'
                                                         f'path "auth/{second.path}/*" {{ capabilities = ["read"] }}'})
    half = bao.call("POST", "auth/token/create", {"policies": ["half"]}).json()["auth"]["client_token"]
    before = tokens_of_admin(mount.sim)
    done = program("rotate", f"--mount={mount.path}", f"--mount={second.path}", **{**vault_env(mount), "BAO_TOKEN": half})
    new = mount.read_config()["service_token_uuid"]
    assert done.returncode == 1 and f"{new} is in use at auth/{mount.path}; auth/{second.path} still has {rotating}" in done.stderr, done.stderr
    assert tokens_of_admin(mount.sim) == before | {new}
    again = program("rotate", f"--mount={mount.path}", f"--mount={second.path}", **vault_env(mount))
    assert again.returncode == 0 and again.stdout.count("is deleted") == 2
    bao.disable(second.path)


def test_the_old_token_stays_until_each_node_has_the_new_one(program, mount, rotating):
    nodes = [f"--node={mount.bao.address}", "--node=https://127.0.0.1:1"]
    done = program("rotate", f"--mount={mount.path}", *nodes, haste=True, **vault_env(mount))
    new = mount.read_config()["service_token_uuid"]
    assert done.returncode == 1 and f"{mount.bao.address} has {new}" in done.stdout
    assert "127.0.0.1:1 was not heard" in done.stderr and "do NOT start over" in done.stderr and f"service_token.py delete {rotating}" in done.stderr
    assert {rotating, new} <= tokens_of_admin(mount.sim)


def test_somebodys_own_token_is_not_deleted(program, mount):
    """One with all rights, put there for want of a better: whoever uses it would be locked out."""
    mount.configure(request_timeout="1s")
    done = program("rotate", f"--mount={mount.path}", **vault_env(mount))
    assert done.returncode == 1 and "has all rights and is not deleted" in done.stderr
    assert mount.sim.token("admin").split("/")[1] in tokens_of_admin(mount.sim)
    assert mount.read_config()["service_token_uuid"] not in mount.sim.token("admin")


def test_only_ones_own_token_is_deleted(program, sim):
    mine, other = (sim.new_token(user, scopes=scopes()).split("/")[1] for user in ("admin", "active"))
    assert program("delete", mine).stdout == f"{mine} is deleted\n" and mine not in tokens_of_admin(sim)
    done = program("delete", other)
    assert done.returncode == 1 and "its owner has to do it" in done.stderr


def test_the_commands_of_its_page_work_in_their_order(follow, mount):
    mount.configure(service_token=None, request_timeout="1s")
    printed = follow("docs/guides/service-token.md", MOUNT=mount.path, ARVADOS_API_HOST=mount.sim.host, SSL_CERT_FILE=mount.sim.ca_pem,
                     ARVADOS_API_TOKEN=mount.sim.admin_token, **vault_env(mount))
    assert "WRONG" not in printed and f"{mount.path} has zzzzz-gj3su-" in printed and printed.rstrip().endswith("is deleted")
    checks = mount.bao.call("GET", f"auth/{mount.path}/config/check").json()["data"]
    assert checks["ok"], checks
