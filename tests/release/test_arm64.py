"""The programs that scripts/release-build --arm64 made, run under qemu-user: what they say of themselves, a login, an exec.

What qemu-user cannot show: the seccomp filter and Landlock rules of the plugin, since system calls are the host's. `scripts/test --all` builds
the programs; without them the tests are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "lint")]

from client import SECRET  # noqa: E402
# Fixtures of the end-to-end tests, found by their names here.
from conftest import make_mount, sim, stop_server  # noqa: E402, F401
from elf import static_faults  # noqa: E402
from host import OpenBao  # noqa: E402

BUILD = Path(os.environ["VPA_BUILD"]).parent / "static-arm64"
PLUGIN = BUILD / "bin/vault-plugin-auth-arvados"
CLIENT = BUILD / "bin/arv-vault"
QEMU = shutil.which("qemu-aarch64")

pytestmark = pytest.mark.skipif(not (PLUGIN.exists() and QEMU), reason="no arm64 build, or no qemu-user: scripts/release-build --arm64")

each_program = pytest.mark.parametrize("program", [PLUGIN, CLIENT], ids=lambda program: program.name)


@each_program
def test_it_is_for_arm64_and_needs_nothing(program):
    header = subprocess.run(["readelf", "-h", program], capture_output=True, text=True, check=True).stdout
    assert "AArch64" in header
    assert static_faults(str(program)) == []


def test_the_selfcheck_passes():
    checked = subprocess.run([QEMU, PLUGIN, "-selfcheck"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def emulated(folder: Path) -> Path:
    """What the server starts: the server takes any executable file."""
    script = folder / "plugin"
    script.write_text(f'#!/bin/sh\nexec {QEMU} {PLUGIN} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def server(tmp_path):
    found = OpenBao(tmp_path / "server", emulated(tmp_path))
    found.start().initialise()
    found.register()
    yield found
    stop_server(found)


def test_a_server_starts_it_and_a_job_gets_its_secret(server, sim, tmp_path):  # noqa: F811
    mount = make_mount(server, sim)
    mount.configure()
    sim.grant("arvados-read", sim.user("active"))
    container = sim.run_container("active")
    assert server.call("POST", "sys/mounts/secret", {"type": "kv"}).status_code == 204
    assert server.call("POST", "secret/db", {"password": SECRET}).status_code == 204
    policy = 'path "secret/*" { capabilities = ["read"] }'
    assert server.call("POST", "sys/policies/acl/arvados-read", {"policy": policy}).status_code == 204
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BAO_ADDR": server.address, "BAO_CACERT": server.ca,
           "ARVADOS_API_TOKEN": container.token, "ARV_VAULT_MOUNT": mount.path}

    done = subprocess.run([QEMU, CLIENT, "exec", "--env=PASSWORD=secret/db#password", "--", "/bin/sh", "-c", 'printf %s "$PASSWORD"'],
                          capture_output=True, text=True, check=False, env=env)

    assert (done.returncode, done.stdout) == (0, SECRET), done.stderr
