"""What the end-to-end tests have, for the Python package: python/src is imported as it stands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "python/src"))

# The modules beside the end-to-end tests take theirs from a module of this one's name.
from e2e.conftest import (Mount, bao, bare_mount, client, false_vault, granted, mount, own_bao, plugin_path,  # noqa: E402,F401
                          sanitizer_env, sim)

import arvados_vault  # noqa: E402


def use_environment(monkeypatch, environment: dict[str, str]) -> None:
    """This process gets what a container has; arv-vault of the build is first on PATH."""
    for name in list(os.environ):
        if name.startswith(("BAO_", "VAULT_", "ARVADOS_", "ARV_VAULT_")):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{os.environ['VPA_BUILD']}/bin:{os.environ['PATH']}")


@pytest.fixture
def container(client, monkeypatch):
    """This process as a running container: its user may read open/ and write mine/ of a KV v2 mount."""
    use_environment(monkeypatch, client.environment())
    yield client
    arvados_vault.close()


@pytest.fixture
def false_server(false_vault, monkeypatch):
    """A server of the test's own making, with a secret at secret/x."""
    from false_vault import plain, secret

    use_environment(monkeypatch, false_vault.client.environment())
    false_vault.answers[:0] = [("/data/x ", plain(200, secret()))]
    yield false_vault
    arvados_vault.close()
