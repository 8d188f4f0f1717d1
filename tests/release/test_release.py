"""The self-contained programs of scripts/release-build: what they need (nothing), what they must not load, and that anybody can build the same.

VPA_BUILD names the folder of that build. What they do is tested by running tests/e2e against them too (scripts/test)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "lint"), str(TESTS / "packages")]

import dist  # noqa: E402

from client import SECRET, arv_vault_path  # noqa: E402
# Fixtures of the end-to-end tests, found by their names here.
from conftest import bao, bare_mount, client, granted, make_mount, mount, plugin_path, sim, start_server, stop_server  # noqa: E402, F401
from elf import archive_faults, static_faults  # noqa: E402
from host import bao_path  # noqa: E402
from root import TRAPPED, NameServer, Root, build_victim, set_traps  # noqa: E402
from toy import direct  # noqa: E402

ROOT = TESTS.parent
BUILD = Path(os.environ["VPA_BUILD"])
PROGRAMS = [Path(plugin_path()), Path(plugin_path()).with_name("vault-plugin-secrets-arvados"), Path(arv_vault_path())]
NAME = "vault.example.org"
RELEASE = "scripts/release --arm64" if dist.has_arm64() else "scripts/release"

each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


# ---- the files ----


@each_program
def test_it_needs_nothing_and_is_hardened(program):
    assert static_faults(str(program)) == []


def test_our_own_code_is_hardened():
    archives = sorted(str(archive) for archive in BUILD.glob("src/*/libvp_*.a"))
    assert len(archives) >= 9
    assert archive_faults(archives) == []


@each_program
def test_its_sum_lies_beside_it(program):
    found = hashlib.sha256(program.read_bytes()).hexdigest()
    assert Path(f"{program}.sha256").read_text() == f"{found}  {program.name}\n"


def parts() -> dict[str, str]:
    return dict(line.split(" ", 1) for line in (BUILD / "parts.txt").read_text().splitlines())


def test_what_it_was_made_of_is_written_beside_it_with_the_licences():
    found = parts()
    compiler = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=True).stdout.strip()
    packages = {"libgrpc-dev", "libssl-dev", "libc6-dev", "libjson-c-dev", "libprotobuf-c-dev", "libabsl-dev", f"libstdc++-{compiler}-dev"}
    assert packages | {"commit", "compiler", "curl"} <= set(found)
    installed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", "libssl-dev"], capture_output=True, text=True, check=True).stdout
    assert found["libssl-dev"].split()[0] == installed
    for part in set(found) - {"commit", "compiler"}:
        assert (BUILD / "licences" / part).read_text(), part
    assert "Apache License" in (BUILD / "licences" / "Apache-2.0").read_text()


@pytest.mark.skipif(not os.environ.get("VPA_FRESH"), reason="builds everything again: scripts/test --all runs it")
def test_a_build_in_another_folder_gives_the_same_bytes(tmp_path):
    other = tmp_path / "a-folder-with-quite-another-name" / "tree"
    shutil.copytree(ROOT, other, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    # What takes longest is built once: that libcurl too is the same wherever it is built, a build in a clone shows.
    for prefix in BUILD.parent.glob("curl-static/*/version"):
        shutil.copytree(prefix.parent, other / "build/curl-static" / prefix.parent.name)
    bill = json.loads(dist.the_one(f"*_linux_{dist.architecture()}.cdx.json").read_text())
    when = datetime.fromisoformat(bill["metadata"]["timestamp"])
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TZ": "Asia/Tokyo", "LC_ALL": "C", "VPA_COMMIT": parts()["commit"].split(",")[0],
           "SOURCE_DATE_EPOCH": str(int(when.timestamp())), "VPA_PACKAGE_VERSION": dist.version(), "RELEASE": str(dist.DIST)}

    # The page's own commands: make, then compare. Another umask than most have.
    script = "umask 077\n" + dist.page_block("scripts/release\n").replace("scripts/release", RELEASE) + dist.page_block("cd build/dist")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=other, env=env, capture_output=True, text=True, timeout=1200,
                          check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.count(": OK\n") == len(dist.sums())
    assert (other / "build/dist/SHA256SUMS").read_bytes() == (dist.DIST / "SHA256SUMS").read_bytes()


def test_an_unknown_option_is_refused():
    done = subprocess.run([ROOT / "scripts/release-build", "--nonsense"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "--help" in done.stderr


# ---- alone ----


@pytest.fixture
def empty(tmp_path) -> Root:
    return Root(tmp_path / "root")


@pytest.fixture
def trapped(empty) -> Root:
    set_traps(empty)
    return empty


class Alone(direct.Plugin):
    """The plugin in a root of its own."""

    def __init__(self, root: Root, host, env=None):
        self.root = root
        words = root.command(root.put(plugin_path()))
        super().__init__(words[0], root.folder, host, {"TMPDIR": "/tmp", **(env or {})}, words[1:])

    @property
    def socket_path(self):
        return f"{self.root.folder}{super().socket_path}"


@pytest.fixture
def host(tmp_path):
    return direct.Identity(tmp_path, "host")


def test_the_plugin_shakes_hands_and_serves_in_an_empty_root(empty, host):
    with Alone(empty, host) as plugin:
        fields = plugin.handshake()
        assert fields is not None and fields[:3] == ["1", "5", "unix"], plugin.end()
        answer = plugin.connect(host).call("/grpc.health.v1.Health/Check", b"\x0a\x06plugin")
        assert answer.message == b"\x08\x01"  # SERVING
        assert plugin.end()[0] == 0
    assert sorted(entry.name for entry in empty.folder.iterdir()) == ["tmp", plugin_path().name]


def test_the_plugin_checks_itself_in_an_empty_root(empty):
    done = empty.run(empty.put(plugin_path()), "-selfcheck", env={"TMPDIR": "/tmp"})
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout + done.stderr


# ---- what it must not load ----


@pytest.mark.parametrize("words", [("hosts", NAME), ("group", "servers"), ("openssl",)], ids=lambda words: words[0])
def test_the_traps_catch_a_program_that_was_not_told(trapped, tmp_path, words):
    done = trapped.run(trapped.put(build_victim(tmp_path)), *words)
    assert done.returncode == TRAPPED, (done.returncode, done.stderr)


def fetch(root: Root, client, **env: str) -> subprocess.CompletedProcess:
    """arv-vault in that root: a login and a read, over HTTPS."""
    path = client.put("open/db", password=SECRET)
    port = client.mount.bao.port
    root.write("ca.pem", Path(client.mount.bao.ca).read_text())
    own = {"HOME": "/tmp", "BAO_ADDR": f"https://{NAME}:{port}", "BAO_CACERT": "/ca.pem", "BAO_TLS_SERVER_NAME": "localhost",
           "BAO_CLIENT_TIMEOUT": "10s", "BAO_MAX_RETRIES": "0", "ARVADOS_API_TOKEN": client.token, "ARV_VAULT_MOUNT": client.mount.path}
    return root.run(root.put(Path(arv_vault_path())), "get", f"{path}#password", env={**own, **env})


def test_https_by_address_in_an_empty_root(empty, client):
    done = fetch(empty, client, BAO_ADDR=client.mount.bao.address)
    assert (done.returncode, done.stdout.strip()) == (0, SECRET), done.stderr


def test_https_by_a_name_of_the_hosts_file_with_foreign_name_services(trapped, client):
    trapped.write("etc/hosts", f"127.0.0.1 {NAME}\n")
    done = fetch(trapped, client)
    assert (done.returncode, done.stdout.strip()) == (0, SECRET), done.stderr


def test_https_by_a_name_of_dns_with_foreign_name_services(trapped, client):
    trapped.write("etc/resolv.conf", f"nameserver {NameServer.ADDRESS}\n")
    try:
        server = NameServer(NAME)
    except PermissionError:
        pytest.skip("who is not root can't answer at the port of DNS")
    with server:
        done = fetch(trapped, client)
    assert (done.returncode, done.stdout.strip()) == (0, SECRET), done.stderr
    assert server.asked > 0


def test_a_name_that_nobody_knows_is_a_failure(trapped, client):
    trapped.write("etc/hosts", "127.0.0.1 another.example.org\n")
    done = fetch(trapped, client)
    assert done.returncode not in (0, TRAPPED) and done.stdout == "" and NAME in done.stderr, done.stderr


def test_settings_of_openssl_are_not_followed(trapped, client):
    done = fetch(trapped, client, BAO_ADDR=client.mount.bao.address, OPENSSL_CONF="/usr/lib/ssl/openssl.cnf")
    assert (done.returncode, done.stdout.strip()) == (0, SECRET), done.stderr


def test_the_plugin_follows_none_either(trapped, host):
    with Alone(trapped, host, {"OPENSSL_CONF": "/usr/lib/ssl/openssl.cnf"}) as plugin:
        assert plugin.handshake() is not None, plugin.end()


def test_the_plugin_finds_a_group_of_the_group_file(trapped, host):
    trapped.write("etc/group", "servers:x:0:\n")
    with Alone(trapped, host, {"PLUGIN_UNIX_SOCKET_GROUP": "servers"}) as plugin:
        assert plugin.handshake() is not None, plugin.end()


# ---- whom it trusts ----


@pytest.mark.parametrize("bundle", ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"])
def test_without_a_ca_of_its_own_it_takes_the_systems(empty, client, bundle):
    empty.write(bundle, Path(client.mount.bao.ca).read_text())
    done = fetch(empty, client, BAO_ADDR=client.mount.bao.address, BAO_CACERT="")
    assert (done.returncode, done.stdout.strip()) == (0, SECRET), done.stderr


def test_without_any_ca_it_trusts_nobody(empty, client):
    done = fetch(empty, client, BAO_ADDR=client.mount.bao.address, BAO_CACERT="")
    assert done.returncode != 0 and "CA certificates" in done.stderr and SECRET not in done.stdout, done.stderr


# ---- in a server ----


def test_a_server_loads_it_and_no_library_comes_along(granted):  # noqa: F811
    mount, container = granted
    assert mount.logged_in(container.token)["auth"]["token_policies"] == ["arvados-read", "default"]
    (pid,) = mount.bao.plugin_pids()
    assert ".so" not in Path(f"/proc/{pid}/maps").read_text()


# The server as it is, and so its plugins, on a system with other name services. Their modules lie where the sandbox lets it read.
ELSEWHERE = """#!/bin/sh
exec unshare {rights} --mount sh -euc '
    mount --bind {root}/etc/nsswitch.conf /etc/nsswitch.conf
    mount --bind {root}/etc/hosts /etc/hosts
    mount -t overlay overlay -o lowerdir={root}/{lib}:/{lib} /{lib}
    exec {bao} "$@"' sh "$@"
"""


def test_a_login_whose_arvados_has_a_name_with_foreign_name_services(trapped, sim, tmp_path, monkeypatch):  # noqa: F811
    trapped.write("etc/hosts", f"127.0.0.1 localhost {NAME}\n")
    wrapper = tmp_path / "bao"
    wrapper.write_text(ELSEWHERE.format(root=trapped.folder, lib="usr/lib/x86_64-linux-gnu", bao=bao_path(),
                                        rights="" if os.getuid() == 0 else "--map-root-user"))
    wrapper.chmod(0o755)
    monkeypatch.setenv("VPA_BAO", str(wrapper))
    server = start_server(tmp_path / "server")
    try:
        server.register()
        mount = make_mount(server, sim)
        mount.configure(arvados_api_host=f"{NAME}:{sim.port}", tls_server_name="localhost")
        sim.grant("arvados-read", sim.user("active"))
        assert mount.logged_in(sim.run_container("active").token)["auth"]["token_policies"] == ["arvados-read", "default"]
    finally:
        stop_server(server)
