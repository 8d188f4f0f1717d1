"""An upgrade of three nodes from one image to the next by the configuration, as docs/guides/release.md shows it, under a load of logins."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from dist import PLUGIN, ROOT, bare, page_block, sums
from registry import VERSION, make_image, registry, server_with  # noqa: F401

sys.path.append(str(ROOT / "tests/deploy"))  # last: its conftest is another

from conftest import Mount, stop_server  # noqa: E402
from host import OpenBao  # noqa: E402
from logins import Load, log_in  # noqa: E402
from processes import wait_until  # noqa: E402
from simulator import Simulator  # noqa: E402

NEXT = VERSION[:-1] + ("8" if VERSION[-1] != "8" else "9")


@pytest.fixture(scope="module")
def next_sum(registry, tmp_path_factory) -> str:  # noqa: F811
    """Pushes an image of the same program that reports a later version; the program's sum."""
    folder = tmp_path_factory.mktemp("next")
    program = folder / PLUGIN
    program.write_bytes(bare(PLUGIN).read_bytes().replace(VERSION.encode() + b"\0", NEXT.encode() + b"\0"))
    program.chmod(0o755)
    assert NEXT in subprocess.run([program, "-version"], check=True, capture_output=True, text=True).stdout
    registry.push(make_image(folder / "next.tar", PLUGIN, NEXT, program), PLUGIN)
    return hashlib.sha256(program.read_bytes()).hexdigest()


@dataclass
class Cluster:
    nodes: list[OpenBao]
    token: str
    next_sum: str

    @property
    def urls(self) -> list[str]:
        return [node.address for node in self.nodes]

    def active(self) -> OpenBao | None:
        return next((node for node in self.nodes if node.call("GET", "sys/health", token="").status_code == 200), None)

    def load(self) -> Load:
        return Load(self.urls, self.nodes[0].ca, self.token)

    def serve(self, version: str) -> bool:
        """A login at each node, and the version that answers."""
        answer = self.nodes[0].call("GET", "auth/arvados/version/client-only")
        return all(log_in(url, self.nodes[0].ca, self.token).status == 200 for url in self.urls) and answer.json()["data"]["plugin"] == version

    def declare(self, *versions: str) -> None:
        """The stanzas of these versions on each node, which reads its configuration again. The active node registers, all download."""
        published = {VERSION: sums()[bare(PLUGIN).name], NEXT: self.next_sum}
        for node in self.nodes:
            config = node.dir / "bao.hcl"
            before, mark, stanza = config.read_text().partition('plugin "auth"')
            stanza = (mark + stanza).split("\n}\n")[0] + "\n}\n"
            for version, found in published.items():
                stanza = stanza.replace(f'"{version}"', '"VERSION"').replace(found, "SUM")
            config.write_text(before + "".join(stanza.replace("VERSION", version).replace("SUM", published[version]) for version in versions))
            node.process.send_signal(signal.SIGHUP)
        for node in self.nodes:
            wait_until(lambda node=node: all((node.dir / f"plugins/auth-arvados-{version}").exists() for version in versions), "the downloads")
        wait_until(lambda: self.registered() == set(versions), "the registration")

    def registered(self) -> set[str]:
        return {version for version in (VERSION, NEXT)
                if self.nodes[0].call("GET", f"sys/plugins/catalog/auth/arvados?version={version}").status_code == 200}

    def run(self, commands: str, **env: str) -> None:
        """The page's commands, at the active node."""
        active = self.active()
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": str(active.dir), "BAO_ADDR": active.address, "BAO_CACERT": active.ca,
                                   "BAO_TOKEN": active.root_token, **env})
        assert done.returncode == 0, done.stdout + done.stderr

    def fail_over(self) -> None:
        """The active node stops; it comes back when another one leads."""
        before = self.active()
        self.nodes.remove(before)
        before.stop()
        wait_until(self.active, "another active node", seconds=60)
        before.start()

        def unsealed() -> bool:
            before.call("POST", "sys/unseal", {"key": before.unseal_key}, token="")
            return before.call("GET", "sys/health?standbyok=true", token="").status_code == 200

        wait_until(unsealed, "the node to be back", seconds=60, step=0.5)
        self.nodes.append(before)

    def voters(self) -> int:
        servers = self.nodes[0].call("GET", "sys/storage/raft/configuration").json()["data"]["config"]["servers"]
        return sum(server["voter"] for server in servers)


@pytest.fixture(scope="module")
def sim():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def cluster(registry, next_sum, sim, tmp_path_factory):  # noqa: F811
    """Three nodes that have the page's stanza, with a mount and a job that may log in."""
    folder = tmp_path_factory.mktemp("raft")
    shared = {"storage": "raft", "audit": folder / "audit.log", "authority": trustme.CA()}
    nodes: list[OpenBao] = []
    try:
        for name in ("one", "two", "three"):
            node = server_with(registry, folder / name, **shared)
            config = node.dir / "bao.hcl"
            config.write_text("disable_standby_reads = true\n" + config.read_text())
            nodes.append(node)
            node.start()
            if len(nodes) == 1:
                node.initialise()
            else:
                node.join(nodes[0])
        found = Cluster(list(nodes), sim.run_container("active").token, next_sum)
        wait_until(lambda: found.registered() == {VERSION}, "the plugin")
        assert nodes[0].enable("arvados").status_code == 204
        Mount(nodes[0], sim, "arvados").configure()
        sim.grant("arvados-read", sim.user("active"))
        wait_until(lambda: found.voters() == 3, "three voters", seconds=60)
        wait_until(lambda: found.serve(VERSION), "logins at each node")
        yield found
    finally:
        for node in reversed(nodes):
            stop_server(node)


def test_no_login_fails_while_the_stanzas_change_and_the_next_leader_has_the_new_version(cluster):
    with cluster.load() as load:
        cluster.declare(VERSION, NEXT)
        cluster.run(page_block("auth tune -plugin-version"), NEW_VERSION=NEXT)
        assert cluster.serve(NEXT)
        cluster.declare(NEXT)
        moved = time.monotonic()
        wait_until(lambda: all(load.succeeded_since(moved, url) for url in cluster.urls), "logins at each node")
    assert load.failed() == []

    cluster.fail_over()
    wait_until(lambda: cluster.serve(NEXT), "logins after the fail-over", seconds=60)


def test_a_version_that_is_no_longer_declared_leaves_its_mount_without_a_plugin_until_it_is_again(cluster):
    """The trap that the page warns of, and its cure."""
    cluster.declare(VERSION)
    cluster.fail_over()
    refused = log_in(cluster.active().address, cluster.nodes[0].ca, cluster.token)
    assert refused.status in (403, 404), refused

    cluster.declare(VERSION, NEXT)
    cluster.run(page_block("bao plugin reload -mounts"))
    wait_until(lambda: cluster.serve(NEXT), "logins", seconds=60)
