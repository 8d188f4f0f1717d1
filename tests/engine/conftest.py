"""One OpenBao server with the secrets engine, one fresh Arvados and one fresh mount for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from engine_host import Engine, EngineBao, make_engine, start_server, stop_server  # noqa: E402
from simulator import Simulator  # noqa: E402


@pytest.fixture(scope="session")
def bao(tmp_path_factory) -> EngineBao:
    server = start_server(tmp_path_factory.mktemp("bao") / "server")
    # Keeps the plugin's process alive between the tests' mounts.
    assert server.call("POST", "sys/mounts/keeper", {"type": "arvados"}).status_code == 204
    yield server
    stop_server(server)


@pytest.fixture
def own_bao(tmp_path) -> EngineBao:
    """A server of the test's own: it may be killed, or have its plugin killed."""
    server = start_server(tmp_path / "server")
    yield server
    stop_server(server)


@pytest.fixture
def sim() -> Simulator:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def bare_engine(bao, sim) -> Engine:
    """Enabled, not configured."""
    engine = make_engine(bao, sim)
    yield engine
    bao.call("DELETE", f"sys/mounts/{engine.path}")


@pytest.fixture
def engine(bare_engine) -> Engine:
    """Configured, with a role ci for the user `active`."""
    bare_engine.configure()
    bare_engine.role("ci")
    return bare_engine
