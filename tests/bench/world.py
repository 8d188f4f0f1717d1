"""One real OpenBao with all contenders in it, and the API server that they ask."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

from conftest import Mount
from host import OpenBao
from simulator import Simulator

from .api import REVIEW, Api, record, review
from .contenders import AppRole, Arvados, Kubernetes


def recorded(bao: OpenBao) -> tuple[dict[str, bytes], str, str]:
    """A user with a grant of his own and one by a role, as the simulator tells it: the answers, his container's token, the service token."""
    with Simulator() as sim:
        bao.register("recorder")
        answer = bao.call("POST", "sys/auth/recorder", {"type": "recorder"})
        assert answer.status_code == 204, answer.text
        mount = Mount(bao, sim, "recorder")
        role = sim.new_role("team")["uuid"]
        sim.add_member(role, "active")
        sim.grant("arvados-read", role)
        sim.grant("arvados-own", sim.user("active"))
        container = sim.run_container("active")
        answers = record(mount, container)
        bao.disable("recorder")
        return answers, container.token, sim.admin_token


def start_load(tools: Path, bao: OpenBao, contender, clients: int, how: str, number: int, kind: str) -> subprocess.Popen:
    """The load generator at one server; it prints its figures."""
    url = f"{bao.address}/v1/auth/{contender.path}/login"
    process = subprocess.Popen([tools / "bench-load", url, bao.ca, str(clients), how, str(number)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(contender.bodies[kind]))
    process.stdin.close()
    return process


class World:
    """`peer` is the Go plugin's file, or None where it could not be built; `shared` the plugin with the system's libraries."""

    def __init__(self, directory: Path, plugin: Path, tools: Path, peer: Path | None, shared: Path | None = None):
        self.tools, self.directory = tools, directory
        uid = str(uuid.uuid4())
        # The audit log and what is logged at debug are the host's own work: left out, for all alike.
        self.bao = OpenBao(directory / "server", plugin, audit=Path("/dev/null"), env={"BAO_LOG_LEVEL": "warn"}).start().initialise()
        self.answers, self.token, self.service_token = recorded(self.bao)
        self.answers[REVIEW] = review(uid)
        self.api = Api(tools / "bench-api", directory / "api", self.answers)
        self.floor = AppRole(self.bao)
        self.ours = Arvados(self.bao, plugin, self.api, self.token, self.service_token)
        self.peer = Kubernetes(self.bao, peer, self.api, uid) if peer else None
        self.plugins = [self.ours, *([self.peer] if self.peer else [])]
        self.all = [self.floor, *self.plugins]
        # The same plugin in other guises, for the rows where that matters.
        self.wide = Arvados(self.bao, plugin, self.api, self.token, self.service_token, name="arvados-wide", max_concurrent_requests=256)
        self.shared = Arvados(self.bao, shared, self.api, self.token, self.service_token, name="arvados-shared") if shared else None
        for contender in [*self.all, self.wide, *([self.shared] if shared else [])]:
            contender.register()
            contender.enable()
            contender.set_up()
            contender.login()

    def load(self, contender, clients: int, how: str, number: int, kind: str = "batch") -> dict:
        """Runs the load generator; its figures."""
        url = f"{self.bao.address}/v1/auth/{contender.path}/login"
        done = subprocess.run([self.tools / "bench-load", url, self.bao.ca, str(clients), how, str(number)],
                              input=json.dumps(contender.bodies[kind]), capture_output=True, text=True, timeout=600, check=True)
        return json.loads(done.stdout)

    def start_load(self, contender, clients: int, how: str, number: int, kind: str = "batch") -> subprocess.Popen:
        return start_load(self.tools, self.bao, contender, clients, how, number, kind)

    def close(self) -> None:
        self.api.close()
        self.bao.stop()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
