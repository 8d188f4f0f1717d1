"""The plugin beside its peers, in one real OpenBao, in one run. Prints ratios; nothing here passes or fails by time."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from . import measures, peers, proc, report
from .api import Api
from .world import World

SMOKE = {"clients": [1, 4], "delays": [0, 20], "kinds": ["batch"], "repeats": 1, "seconds": 1, "starts": 1, "logins": 200, "storm": 20,
         "memory_repeats": 1, "hang": 8, "mounts": [1, 2], "grants": [10], "many": 200, "client": 1}
SHORT = {"clients": [1, 16, 64], "delays": [0], "kinds": ["batch"], "repeats": 2, "seconds": 2, "starts": 5, "logins": 2000, "storm": 500,
         "memory_repeats": 1, "hang": 64, "mounts": [1, 10], "grants": [10, 1000], "many": 5000, "client": 5}
FULL = {"clients": [1, 16, 64, 256], "delays": [0, 20], "kinds": ["batch", "service"], "repeats": 2, "seconds": 3, "starts": 11, "logins": 20000,
        "storm": 2000, "memory_repeats": 1, "hang": 256, "mounts": [1, 10, 50, 200], "grants": [10, 1000, 10000, 100000], "many": 100000, "client": 20}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/dev bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all cells, a quarter of an hour; else two minutes' worth")
    parser.add_argument("--smoke", action="store_true", help="a little of each, without the Go peer: does it work at all?")
    parser.add_argument("--logins", type=int, help="how many logins the row over very many takes")
    parser.add_argument("--page", type=Path, help="the page to write, its plots go into a folder of that name; else beside the figures")
    parser.add_argument("--from", dest="read", type=Path, help="figures of an earlier run: writes the page anew, measures nothing")
    parser.add_argument("--static", type=Path, required=True, help="folder of the release programs")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the same with the system's libraries, and of the tools")
    parser.add_argument("--peers", type=Path, required=True, help="where peers are built")
    parser.add_argument("--out", type=Path, required=True, help="where the figures go")
    return parser.parse_args()


def versions(world: World) -> dict[str, str]:
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"commit": commit or "unknown", "openbao": world.bao.call("GET", "sys/health", token="").json()["version"],
            "peer": peers.VERSION if world.peer else "not built", "machine": proc.machine(), "date": str(datetime.date.today())}


def joined(*parts: dict[str, dict]) -> dict[str, dict]:
    """Figures of the same contenders from several measurements."""
    out: dict[str, dict] = {}
    for part in parts:
        for name, figures in part.items():
            out.setdefault(name, {}).update(figures)
    return out


def step(words: str) -> None:
    print(f"==> {words}", file=sys.stderr, flush=True)


def run(size: dict, chosen: argparse.Namespace, directory: Path) -> dict:
    plugin = "vault-plugin-auth-arvados"
    peer = None if chosen.smoke else peers.build(chosen.peers)
    with World(directory, chosen.static / plugin, chosen.shared, peer, chosen.shared / plugin) as world:
        guises = [*world.plugins, world.shared]
        numbers = iter(range(100))
        step("Starting")
        starts = joined(measures.handshakes(guises, size["starts"], directory), measures.first_logins(guises, size["starts"]))
        step("Logins")
        cells = measures.logins(world, size["clients"], size["delays"], size["kinds"], size["repeats"], size["seconds"], [world.wide])
        step("Memory")
        memory = measures.memory(world, guises, size["logins"], size["storm"], size["memory_repeats"])
        step("An API that hangs")
        hang = measures.hanging(world, size["hang"], lambda: Api(chosen.shared / "bench-api", directory / f"api-{next(numbers)}", world.answers))
        step("The client")
        client = measures.client(world, chosen.static / "arv-vault", measures.real_bao(), size["client"])
        step("HTTP/1.1 and HTTP/2")
        http2 = None if chosen.smoke else peers.build_http2(chosen.peers)
        versions_of_http = measures.http_versions(http2, chosen.shared / "bench-rounds", directory, world.answers["/arvados/v1/containers/current"], size["clients"],
                                                  size["delays"], size["repeats"], size["seconds"]) if http2 else []
        step("Growth")
        grants = measures.grants(world, size["grants"])
        mounts = measures.mounts(world, size["mounts"])
        many = measures.many(world, chosen.logins or size["many"], 16, 20)
        return {"about": versions(world), "size": size, "starts": starts, "memory": memory, "hang": hang, "client": client, "http": versions_of_http,
                "cells": [{"kind": kind, "delay": delay, "clients": n, "by": by} for (kind, delay, n), by in cells.items()],
                "grants": [{"grants": n, **row} for n, row in grants.items()],
                "mounts": [{"mounts": n, **row} for n, row in mounts.items()], "many": many}


def main() -> int:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.read:
        figures = json.loads(chosen.read.read_text())
    else:
        with tempfile.TemporaryDirectory(prefix="vpa-bench-") as directory:
            figures = run(SMOKE if chosen.smoke else FULL if chosen.full else SHORT, chosen, Path(directory))
        (chosen.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    page = chosen.page or chosen.out / "performance.md"
    report.write(figures, page)
    print(report.summary(figures))
    print(f"The page: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
