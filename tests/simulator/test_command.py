"""scripts/simulator: one command starts a simulated Arvados and writes an env file with which its container logs in."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from processes import wait_until  # noqa: E402


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # empty: ended, and waits for its parent
    except FileNotFoundError:
        return False


@pytest.fixture
def simulator(tmp_path):
    env = {**os.environ, "VPA_SIMULATOR": str(tmp_path / "simulator")}

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([ROOT / "scripts/simulator", *arguments], env=env, capture_output=True, text=True, check=False)

    yield run
    run("stop")


def test_the_env_file_names_a_cluster_that_answers(simulator, tmp_path):
    done = simulator("start")
    assert done.returncode == 0, done.stdout + done.stderr
    file = tmp_path / "simulator/env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    script = f'. {file}; curl -sS --fail --cacert "$SSL_CERT_FILE" -H "Authorization: Bearer $USER_TOKEN" "https://$ARVADOS_API_HOST/arvados/v1/users/current"; printf "\\n%s" "$USER_UUID"'
    shown = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    record, uuid = shown.rsplit("\n", 1)
    assert json.loads(record)["uuid"] == uuid
    again = simulator("start")
    assert again.returncode == 1 and "stop" in again.stderr


def test_stop_ends_it(simulator, tmp_path):
    assert simulator("start").returncode == 0
    pids = (tmp_path / "simulator/pids").read_text().split()
    assert pids
    done = simulator("stop")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not any(is_running(pid) for pid in pids), "the servers to end")
    assert not (tmp_path / "simulator/env").exists()
