"""The values bring the program to the server and nothing else, and a real server takes the configuration that stands in them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Mount, plugin_path, plugin_version
from host import OpenBao
from processes import free_port

HELM = ROOT / "deploy/helm"
ZEROS = "0" * 64
VALUES = {name: yaml.safe_load((HELM / f"values-{name}.yaml").read_text())["server"] for name in ("openbao", "vault")}


def config(name: str) -> str:
    return VALUES[name]["ha"]["raft"]["config"]


def init_container(name: str) -> dict:
    (container,) = VALUES[name]["extraInitContainers"]
    return container


def run_init(folder: Path, sha256: str) -> subprocess.CompletedProcess:
    """The command as the container would run it."""
    container = init_container("openbao")
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    env |= {"PROGRAM": str(plugin_path()), "DIRECTORY": str(folder), "SHA256": sha256, "PATH": os.environ["PATH"]}
    return subprocess.run(container["command"], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_program_with_another_sum_is_not_installed(tmp_path):
    assert run_init(tmp_path, ZEROS).returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_a_real_server_takes_the_configuration_and_the_program_that_the_container_brought(tmp_path, sim):
    text = config("openbao")
    (command,) = re.findall(r'command +?= "(.*)"', text)
    env = {entry["name"]: entry["value"] for entry in init_container("openbao")["env"]}
    assert command == env["FILE"] and text.count(ZEROS) == 1 and env["SHA256"] == ZEROS

    server = OpenBao(tmp_path / "server", plugin_path(), storage="raft")
    server.plugin.unlink()
    sha256 = hashlib.sha256(plugin_path().read_bytes()).hexdigest()
    brought = run_init(server.dir / "plugins", sha256)
    assert brought.returncode == 0, brought.stderr
    # What only a cluster has, and what differs here: addresses, folders, the sum, this build's version. All else as it stands.
    changes = {'service_registration "kubernetes" {}': "", ZEROS: sha256, '"[::]:8200"': f'"127.0.0.1:{server.port}"',
               '"[::]:8201"': f'"127.0.0.1:{free_port()}"', "/openbao/tls/tls.crt": f"{server.dir}/server.pem", "/openbao/tls/tls.key": f"{server.dir}/server.key",
               "/openbao/tls/ca.crt": server.ca, "/openbao/plugins": f"{server.dir}/plugins", "/openbao/data": f"{server.dir}/data",
               "/openbao/audit/audit.log": str(server.audit_file), 'version   = "v0.1.0"': f'version = "{plugin_version()}"'}
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    # The chart gives these by the environment.
    text += f'\napi_addr = "{server.address}"\ncluster_addr = "https://127.0.0.1:{free_port()}"\n'
    (server.dir / "bao.hcl").write_text(text)
    server.extra_env["BAO_RAFT_NODE_ID"] = "openbao-0"
    try:
        server.start().initialise()
        catalog = server.call("GET", f"sys/plugins/catalog/auth/arvados?version={plugin_version()}").json()["data"]
        assert catalog["declarative"] and catalog["sha256"] == sha256
        assert server.enable("arvados").status_code == 204
        mount = Mount(server, sim, "arvados")
        mount.configure()
        sim.grant("arvados-read", sim.user("active"))
        assert "arvados-read" in mount.logged_in(sim.run_container("active").token)["auth"]["policies"]
        assert '"path":"auth/arvados/login"' in server.audit()
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["openbao", "vault"])
def test_the_server_reads_what_the_container_writes_and_nobody_has_rights(name):
    values, container = VALUES[name], init_container(name)
    directory = {entry["name"]: entry["value"] for entry in container["env"]}["DIRECTORY"]
    assert re.findall(r'plugin_directory +?= "(.*)"', config(name)) == [directory]
    written = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    read = {mount["name"]: mount["mountPath"] for mount in values["volumeMounts"]}
    assert written == {"plugins": directory} and read["plugins"] == directory
    assert all(mount["readOnly"] for mount in values["volumeMounts"])
    assert {volume["name"] for volume in values["volumes"]} == set(read)
    for place in re.findall(r'tls_\w+_file +?= "(.*)"', config(name)):
        assert place.startswith(read["tls"] + "/")
    contexts = values["statefulSet"]["securityContext"]
    for context in (container["securityContext"], contexts["container"]):
        assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert contexts["pod"]["runAsNonRoot"] and contexts["pod"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_both_charts_bring_the_same_program_the_same_way():
    def without_places(container: dict) -> str:
        return yaml.safe_dump(container).replace("/vault/plugins", "DIRECTORY").replace("/openbao/plugins", "DIRECTORY")

    assert without_places(init_container("vault")) == without_places(init_container("openbao"))
