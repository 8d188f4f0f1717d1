"""Memory and connections of the engine's process stay where they are, however many tokens it mints."""

from __future__ import annotations

import concurrent.futures
import os

import engine_host
import pytest
from processes import wait_until

CLIENTS = 8
# What a process of some 25 MiB takes on between its first thousand mints and its third. A leak of 1 KiB per mint would be twice that.
GROWTH_KIB = 1024


def rss_kib(server: engine_host.EngineBao) -> int:
    (pid,) = wait_until(lambda: len(found := server.plugin_pids()) == 1 and found, "one process of the engine")
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def mint(engine: engine_host.Engine, n: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        assert [answer.status_code for answer in pool.map(lambda _: engine.creds(), range(n))] == [200] * n


def test_mints_reuse_their_connections(engine):
    mint(engine, 200)
    # One for each of the clients, and one for the write of the config; libcurl may replace one that a busy machine kept idle.
    assert engine.sim.log.connections() <= 2 * CLIENTS


@pytest.mark.skipif(bool(os.environ.get("VPA_SANITIZED")), reason="its allocator keeps what was freed")
def test_memory_stops_growing(own_bao, sim):
    engine = engine_host.make_engine(own_bao, sim)
    engine.configure()
    engine.role("ci")
    mint(engine, 1000)
    before = rss_kib(own_bao)
    mint(engine, 2000)
    grown = rss_kib(own_bao) - before
    print(f"{before} KiB after 1,000 mints, {grown:+} after 3,000")
    assert grown < GROWTH_KIB
