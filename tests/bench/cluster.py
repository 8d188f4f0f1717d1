"""How many logins a cluster of one, two or three nodes takes, at the leader only and at all nodes, and who does the work. All nodes are on this
one machine, so the rates say what the ways cost and not what three hosts give; processor time a login is what carries over.

Prints a table and writes the figures beside it; nothing here passes or fails by time."""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import trustme

from host import OpenBao
from processes import plugin_pids, wait_until

from . import proc
from .api import Api
from .contenders import KINDS, Arvados
from .measures import progress
from .world import recorded, start_load

COLUMNS = {"rate": "logins/s", "leader_p50": "p50 at leader, ms", "standby_p50": "p50 at standbys, ms", "p99": "p99 of the slowest node, ms",
           "leader_cpu": "leader's server, ms CPU", "leader_plugin_cpu": "leader's plugin, ms CPU", "standby_cpu": "standbys' servers and plugins, ms CPU",
           "calls": "calls to Arvados a login", "at_leader": "decided by leader's plugin, a login", "at_standbys": "decided by standbys' plugins, a login"}


class Cluster:
    """The leader first. Log and audit are left out, as in the other rows."""

    def __init__(self, directory: Path, plugin: Path, tools: Path, size: int, standby_reads: bool):
        directory.mkdir()
        self.tools = tools
        self.nodes: list[OpenBao] = []
        shared = {"storage": "raft", "audit": Path("/dev/null"), "authority": trustme.CA(), "env": {"BAO_LOG_LEVEL": "warn"}}
        try:
            for number in range(size):
                node = OpenBao(directory / f"node-{number}", plugin, **shared)
                self.nodes.append(node)
                with open(node.dir / "bao.hcl", "a") as config:
                    config.write(f"disable_standby_reads = {json.dumps(not standby_reads)}\n")
                node.start()
                node.join(self.nodes[0]) if number else node.initialise()
            self.leader = self.nodes[0]
            wait_until(lambda: self._voters() == size, "all nodes to be voters", 120)
            answers, token, service_token = recorded(self.leader)
            self.api = Api(tools / "bench-api", directory / "api", answers)
            self.arvados = Arvados(self.leader, plugin, self.api, token, service_token)
            for node in self.nodes[1:]:
                shutil.copy(plugin, node.dir / "plugins" / self.arvados.name)
            self.arvados.register()
            self.arvados.enable()
            self.arvados.set_up()
            for kind in KINDS:
                for node in self.nodes:
                    wait_until(lambda kind=kind, node=node: self._login(node, kind) == 200, "a login at each node", 60)
        except BaseException:
            self.close()
            raise

    def _voters(self) -> int:
        told = self.leader.call("GET", "sys/storage/raft/configuration").json()["data"]["config"]["servers"]
        return sum(server["voter"] for server in told)

    def _login(self, node: OpenBao, kind: str) -> int:
        return node.call("POST", f"auth/{self.arvados.path}/login", self.arvados.bodies[kind], token="").status_code

    def close(self) -> None:
        if hasattr(self, "api"):
            self.api.close()
        for node in reversed(self.nodes):
            node.stop()

    def _handled(self, node: OpenBao) -> int:
        """Logins that this node's own plugin decided; what it sends on at once is not among them. Without one, the leader would answer."""
        if not self._plugin_pids(node):
            return 0
        return sum(node.call("GET", f"auth/{self.arvados.path}/status").json()["data"]["logins"].values())

    def _plugin_pids(self, node: OpenBao) -> list[int]:
        """One at the leader; at standbys only with standby reads."""
        return plugin_pids(node.dir / "plugins" / self.arvados.name)

    def _spent(self, node: OpenBao) -> tuple[float, float]:
        return proc.cpu_ms(node.process.pid), sum(proc.cpu_ms(pid) for pid in self._plugin_pids(node))

    def measure(self, nodes: list[OpenBao], clients: int, kind: str, seconds: int) -> dict[str, float]:
        self.api.count()
        handled, spent = [self._handled(node) for node in self.nodes], [self._spent(node) for node in self.nodes]
        loads = [start_load(self.tools, node, self.arvados, clients // len(nodes), "seconds", seconds, kind) for node in nodes]
        told = [json.loads(load.stdout.read()) for load in loads]
        assert not any(load.wait() for load in loads)
        spent = [tuple(after - before for before, after in zip(was, self._spent(node), strict=True))
                 for was, node in zip(spent, self.nodes, strict=True)]
        handled = [self._handled(node) - was for was, node in zip(handled, self.nodes, strict=True)]
        asked = self.api.count()["requests"]
        statuses = [one["statuses"] for one in told]
        assert all(set(one) == {"200"} for one in statuses), f"{len(self.nodes)} nodes, {kind}: {statuses}"
        n = sum(one["ok"] for one in told)
        standbys = [one for one, node in zip(told, nodes, strict=True) if node is not self.leader]
        return {"rate": sum(one["ok"] / one["seconds"] for one in told), "leader_p50": told[0]["p50"] / 1000,
                "standby_p50": statistics.mean(one["p50"] for one in standbys) / 1000 if standbys else None,
                "p99": max(one["p99"] for one in told) / 1000, "leader_cpu": spent[0][0] / n, "leader_plugin_cpu": spent[0][1] / n,
                "standby_cpu": sum(sum(pair) for pair in spent[1:]) / n, "calls": asked / n,
                "at_leader": handled[0] / n, "at_standbys": sum(handled[1:]) / n}


def run(chosen: argparse.Namespace, directory: Path) -> list[dict]:
    rows = []
    # As deploy/cluster has it; and the largest one as OpenBao has it if it is told nothing.
    for size, standby_reads in [*((size, False) for size in chosen.nodes), (max(chosen.nodes), True)]:
        if size == 1 and standby_reads:
            continue
        cluster = Cluster(directory / f"of-{size}-{standby_reads}", chosen.plugin, chosen.tools, size, standby_reads)
        try:
            places = {"leader": cluster.nodes[:1], **({"all": cluster.nodes} if size > 1 else {})}
            found: dict = {}
            for turn in range(chosen.repeats):
                for clients in chosen.clients:
                    for kind in KINDS:
                        for place, nodes in places.items():
                            figures = cluster.measure(nodes, clients, kind, chosen.seconds)
                            found.setdefault((clients, kind, place), []).append(figures)
                            progress(f"{size} nodes, standby reads {'on' if standby_reads else 'off'}, {clients} clients at {place}, {kind} tokens, turn {turn + 1} of {chosen.repeats}")
            rows += [{"nodes": size, "standby_reads": standby_reads, "clients": clients, "kind": kind, "at": place, "runs": runs}
                     for (clients, kind, place), runs in found.items()]
        finally:
            cluster.close()
    return rows


def number(values: list) -> str:
    if None in values:
        return "–"
    middle = statistics.median(values)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.1f}" if middle >= 10 else f"{middle:.2f}"


def table(rows: list[dict]) -> str:
    lines = [f"| nodes | standby reads | clients | token | clients at | {' | '.join(COLUMNS.values())} |", "|---" * (5 + len(COLUMNS)) + "|"]
    for row in rows:
        cells = [number([one[name] for one in row["runs"]]) for name in COLUMNS]
        lines.append(f"| {row['nodes']} | {'on' if row['standby_reads'] else 'off'} | {row['clients']} | {row['kind']} | {row['at']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/dev bench-cluster", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3], help="sizes of clusters")
    parser.add_argument("--clients", type=int, nargs="+", default=[12, 48], help="in all; spread evenly")
    parser.add_argument("--seconds", type=int, default=3, help="of each cell")
    parser.add_argument("--repeats", type=int, default=2, help="how often each cell is measured; the table has medians")
    parser.add_argument("--plugin", type=Path, required=True, help="the plugin's file")
    parser.add_argument("--tools", type=Path, required=True, help="folder of bench-api and bench-load")
    parser.add_argument("--out", type=Path, required=True, help="where the figures go")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vpa-bench-") as directory:
        rows = run(chosen, Path(directory))
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {"commit": commit or "unknown", "machine": proc.machine(), "date": str(datetime.date.today()), "seconds": chosen.seconds}
    (chosen.out / "cluster.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    print(table(rows))
    print(f"The figures: {chosen.out / 'cluster.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
