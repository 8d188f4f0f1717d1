"""A real OpenBao with the secrets engine, and mounts of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from host import OpenBao, new_name  # noqa: E402
from processes import wait_until  # noqa: E402
from simulator import Simulator  # noqa: E402

ENGINE = "vault-plugin-secrets-arvados"
AUTH = "vault-plugin-auth-arvados"

# What docs/tutorials/engine.md gives the administrator's token.
ADMIN_SCOPES = ["POST /arvados/v1/api_client_authorizations", "GET /arvados/v1/users"]


def built(program: str) -> Path:
    return Path(os.environ["VPA_BUILD"]) / "bin" / program


class EngineBao(OpenBao):
    """A server that knows both plugins; `plugin` is the engine's file."""

    def __init__(self, directory: Path, **options):
        super().__init__(directory, built(AUTH), **options)
        self.auth_plugin = self.plugin
        self.plugin = self.dir / "plugins" / ENGINE
        shutil.copy(built(ENGINE), self.plugin)

    def register_engine(self, name: str = "arvados") -> None:
        sha = hashlib.sha256(self.plugin.read_bytes()).hexdigest()
        answer = self.call("POST", f"sys/plugins/catalog/secret/{name}", {"sha256": sha, "command": ENGINE})
        assert answer.status_code == 204, answer.text

    def register_auth(self) -> None:
        sha = hashlib.sha256(self.auth_plugin.read_bytes()).hexdigest()
        answer = self.call("POST", "sys/plugins/catalog/auth/arvados", {"sha256": sha, "command": AUTH})
        assert answer.status_code == 204, answer.text


def start_server(directory: Path, **options) -> EngineBao:
    env = {"ASAN_OPTIONS": f"log_path={directory}/sanitizer:detect_leaks=1:abort_on_error=0",
           "UBSAN_OPTIONS": f"log_path={directory}/sanitizer:print_stacktrace=1"}
    server = EngineBao(directory, env=env, **options)
    try:
        server.start().initialise()
        server.register_engine()
        server.register_auth()
        return server
    except BaseException:
        server.stop()
        raise


def stop_server(server: EngineBao) -> None:
    server.stop()
    reports = [report.read_text() for report in server.dir.glob("sanitizer.*")]
    assert not reports, "\n".join(reports)


@dataclass
class Engine:
    """One mount of the engine and the Arvados that it mints at."""

    bao: EngineBao
    sim: Simulator
    path: str
    admin_token: str

    def call(self, method: str, path: str, body: object = None, **options) -> requests.Response:
        return self.bao.call(method, f"{self.path}/{path}", body, **options)

    def settings(self, **changes) -> dict:
        fields = {"arvados_api_host": self.sim.host, "arvados_ca_cert": Path(self.sim.ca_pem).read_text(),
                  "admin_token": self.admin_token, "request_timeout": "5s", **changes}
        return {key: value for key, value in fields.items() if value is not None}

    def configure(self, **changes) -> None:
        answer = self.call("POST", "config", self.settings(**changes))
        assert answer.status_code in (200, 204), answer.text

    def write_role(self, name: str, **fields) -> requests.Response:
        return self.call("POST", f"role/{name}", fields)

    def role(self, name: str, user: str = "active", **fields) -> None:
        uuid = user if user == "self" else self.sim.user(user)
        answer = self.write_role(name, user=uuid, **fields)
        assert answer.status_code in (200, 204), answer.text

    def creds(self, role: str = "ci", **options) -> requests.Response:
        return self.call("GET", f"creds/{role}", **options)

    def minted(self, role: str = "ci", **options) -> dict:
        answer = self.creds(role, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def renew(self, lease_id: str, increment: int | None = None) -> requests.Response:
        body = {"lease_id": lease_id} if increment is None else {"lease_id": lease_id, "increment": increment}
        return self.bao.call("POST", "sys/leases/renew", body)

    def revoke(self, lease_id: str, **fields) -> requests.Response:
        return self.bao.call("POST", "sys/leases/revoke", {"lease_id": lease_id, "sync": True, **fields})

    def reason(self, answer: requests.Response) -> str:
        """The reason in the server's log for the last failed request of this mount."""
        def lines() -> list[str]:
            return [line for line in self.bao.log().splitlines() if f"mount={self.path}/" in line and "reason=" in line]

        wait_until(lines, f"a log line about {answer.text}")
        return lines()[-1].split("reason=")[1].split()[0]

    def valid(self, token: str) -> bool:
        return self.sim.is_valid(token)


def make_engine(bao: EngineBao, sim: Simulator) -> Engine:
    path = new_name("arvados")
    answer = bao.call("POST", f"sys/mounts/{path}", {"type": "arvados"})
    assert answer.status_code == 204, answer.text
    return Engine(bao, sim, path, sim.new_token("admin", scopes=ADMIN_SCOPES))


def roll_back(engine: Engine) -> None:
    """One rollback now. A server sends one each minute, and one before it moves a mount, which also ends the mount's leases."""
    target = new_name("moved")
    answer = engine.bao.call("POST", "sys/remount", {"from": engine.path, "to": target})
    assert answer.status_code == 200, answer.text
    migration = answer.json()["data"]["migration_id"]

    def done() -> bool:
        status = engine.bao.call("GET", f"sys/remount/status/{migration}").json()["data"]["migration_info"]["status"]
        assert status != "failure", engine.bao.log()[-3000:]
        return status == "success"

    wait_until(done, "the mount to move")
    engine.path = target


def unsettled(engine: Engine) -> int:
    return engine.call("GET", "status").json()["data"]["unsettled"]


def wait_settled(engine: Engine) -> None:
    """The write-ahead entry of a mint goes some seconds after its answer."""
    wait_until(lambda: unsettled(engine) == 0, "the write-ahead log to be empty")
