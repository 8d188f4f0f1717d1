"""The roles bring a host to what it should be, leave it alone when it is, and say what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from client import arv_vault_path
from conftest import BLOCK, ROOT, TOOLS, known_fields, plugin_path, plugin_version, register_nothing

ANSIBLE = ROOT / "deploy/ansible"
DRY_RUN, RUN = BLOCK.findall((ANSIBLE / "README.md").read_text())
GENOMICS = 'path "secret/data/genomics/*" { capabilities = ["read"] }\n'
CONFIG = {"allowed_policy_prefixes": ["arvados-"], "request_timeout": 5, "cache_ttl": 0, "default_role": "pipeline"}


def sha256(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def ansible_env(home: Path) -> dict[str, str]:
    return {"PATH": f"{TOOLS}:{os.environ['PATH']}", "HOME": str(home), "ANSIBLE_HOME": str(home / ".ansible"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false", "LC_ALL": "C.UTF-8", "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}


class Site:
    """Two servers' names for this machine, and one of a compute node; all that the roles write lies in one folder."""

    def __init__(self, bao, sim, folder: Path) -> None:
        self.bao, self.sim, self.dir = bao, sim, folder
        self.hosts: dict[str, dict[str, Any]] = {"bao-1": {}, "bao-2": {}}
        shutil.copy(plugin_path(), folder / "plugin")
        shutil.copy(arv_vault_path(), folder / "arv-vault")
        self.version = plugin_version()
        self.service_token = sim.new_token("admin", scopes=[f"GET /arvados/v1/{kind}" for kind in (
            "links", "users", "containers", "groups", "computed_permissions")])
        self.servers = {
            "plugin_host_binary": str(folder / "plugin"), "plugin_host_sha256": sha256(folder / "plugin"),
            "plugin_host_version": self.version, "plugin_host_directory": str(bao.dir / "plugins"), "plugin_host_address": bao.address, "plugin_host_ca_file": bao.ca,
            "plugin_host_token": bao.root_token, "plugin_host_service_token": self.service_token,
            "plugin_host_config": {"arvados_api_host": sim.host, "arvados_ca_cert": Path(sim.ca_pem).read_text(), **CONFIG},
            "plugin_host_roles": {"pipeline": {"token_ttl": 600, "token_bound_cidrs": ["127.0.0.0/8"]}},
            "plugin_host_policies": {"arvados-genomics-ro": GENOMICS},
        }
        self.nodes = {
            "compute_node_client": str(folder / "arv-vault"), "compute_node_client_sha256": sha256(folder / "arv-vault"),
            "compute_node_docker": True, "compute_node_singularity": True, "compute_node_folder": str(folder / "node/opt/arv-vault"),
            "compute_node_sbin": str(folder / "node"), "compute_node_runc": "/bin/true",
            "compute_node_docker_config": str(folder / "node/etc/docker/daemon.json"), "compute_node_docker_service": "",
            "compute_node_singularity_shim": str(folder / "node/singularity"), "compute_node_vault_ca": Path(bao.ca).read_text(),
            "compute_node_ca_file": str(folder / "node/etc/arvados/ca.crt"),
        }
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / "node/etc/docker").mkdir(parents=True)
        (folder / "node/etc/docker/daemon.json").write_text('{"log-driver": "journald", "runtimes": {"other": {"path": "/bin/other"}}}')

    def play(self, *words: str, command: str = RUN, **changes: Any) -> tuple[dict[str, dict[str, int]], str]:
        """Counts for each host, and all that was printed."""
        local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
        for key in ("owner", "group"):
            local |= {f"plugin_host_{key}": str(os.getuid() if key == "owner" else os.getgid()),
                      f"compute_node_{key}": str(os.getuid() if key == "owner" else os.getgid())}
        inventory = {"vault_servers": {"hosts": self.hosts, "vars": {**local, **self.servers, **changes}},
                     "compute_nodes": {"hosts": {"compute-1": {}}, "vars": {**local, **self.nodes, **changes}}}
        (self.dir / "inventory.yml").write_text(json.dumps(inventory))  # which is YAML as well
        done = subprocess.run(["bash", "-c", f"{command.strip()} -v {' '.join(words)}"], cwd=self.dir, env=ansible_env(self.dir), capture_output=True,
                              text=True, timeout=600, check=False)
        printed = done.stdout + done.stderr
        for secret in (self.bao.root_token, self.service_token.split("/")[2]):
            assert secret not in printed
        recap = {}
        for line in done.stdout.partition("PLAY RECAP")[2].splitlines()[1:]:
            host, _, counts = line.partition(":")
            if counts:
                recap[host.strip()] = {key: int(value) for key, value in (word.split("=") for word in counts.split())}
        return recap, printed

    def ok(self, *words: str, **changes: Any) -> dict[str, int]:
        """How much each host was changed."""
        recap, printed = self.play(*words, **changes)
        assert recap and all(counts["failed"] + counts["unreachable"] == 0 for counts in recap.values()), printed
        return {host: counts["changed"] for host, counts in recap.items()}

    def refused(self, words: str, *limits: str, **changes: Any) -> None:
        recap, printed = self.play(*limits, **changes)
        assert any(counts["failed"] for counts in recap.values()), printed
        assert words in " ".join(printed.split()), printed

    def read(self, path: str) -> dict:
        answer = self.bao.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def logs_in(self) -> dict:
        container = self.sim.run_container("active")
        answer = self.bao.call("POST", "auth/arvados/login", {"token": container.token}, token="")
        assert answer.status_code == 200, answer.text
        return answer.json()["auth"]


@pytest.fixture
def site(own_bao, sim, tmp_path):
    assert (TOOLS / "ansible-playbook").exists(), "scripts/test makes build/venv-setup"
    made = Site(own_bao, sim, tmp_path)
    register_nothing(own_bao)
    own_bao.plugin.unlink()
    sim.grant("arvados-genomics-ro", sim.user("active"))
    return made


def test_it_passes_ansible_lint():
    done = subprocess.run(["ansible-lint", "--offline", "--strict", "--profile=production", "."], cwd=ANSIBLE, env=ansible_env(Path.home()),
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_run_sets_all_up_the_second_changes_nothing_and_a_login_works(site):
    # What a dry run would do, it does not do: neither where there is nothing yet, not even a Docker,
    node = site.dir / "node"
    docker = node.rename(site.dir / "docker")
    dry = site.ok(command=DRY_RUN)
    assert site.bao.call("GET", "sys/auth").json()["data"].keys() == {"token/"} and not node.exists()
    docker.rename(node)

    first = site.ok()
    assert first["bao-1"] > 0 and first["compute-1"] == dry["compute-1"]
    auth = site.logs_in()
    assert "arvados-genomics-ro" in auth["policies"] and auth["lease_duration"] == 600
    assert site.read("auth/arvados/config/check")["ok"]

    del site.hosts["bao-2"]
    assert site.ok() == {"bao-1": 0, "compute-1": 0}
    # nor where all is there.
    assert site.ok(command=DRY_RUN) == {"bao-1": 0, "compute-1": 0}

    settings = json.loads((node / "etc/docker/daemon.json").read_text())
    assert settings == {"log-driver": "journald", "default-runtime": "arv-vault",
                        "runtimes": {"other": {"path": "/bin/other"}, "arv-vault": {"path": str(node / "arv-vault-oci")}}}
    assert sorted(path.name for path in node.iterdir()) == ["arv-vault-oci", "arv_vault_bundle.py", "etc", "opt", "singularity"]
    trusted = (node / "etc/arvados/ca.crt").read_text()
    assert Path(site.bao.ca).read_text().strip() in trusted and trusted.count("BEGIN CERTIFICATE") > 1

    # Another program, another timeout; the service token was rotated meanwhile, and stays as it is.
    with open(site.dir / "plugin", "ab") as file:
        file.write(b"\0")
    rotated = site.sim.new_token("admin", scopes=["all"])
    site.bao.call("POST", "auth/arvados/config", {"service_token": rotated})
    changes = {"plugin_host_sha256": sha256(site.dir / "plugin"), "plugin_host_config": {**site.servers["plugin_host_config"], "request_timeout": 6}}
    running = site.bao.plugin_pids()
    site.sim.grant("arvados-genomics-ro", site.sim.all_users)
    recap, printed = site.play("--limit=vault_servers", **changes)
    # A grant to all users may be meant: it is a note and ends nothing.
    assert recap["bao-1"]["failed"] == 0, printed
    assert site.read(f"sys/plugins/catalog/auth/arvados?version={site.version}")["sha256"] == changes["plugin_host_sha256"]
    assert site.read("auth/arvados/config")["request_timeout"] == 6
    assert site.read("auth/arvados/config")["service_token_uuid"] == rotated.split("/")[1]
    site.logs_in()
    assert not set(running) & set(site.bao.plugin_pids())


def test_what_is_wrong_is_told(site):
    servers = "--limit=vault_servers"
    # One server of two has another file, or was left out: nothing is registered, and no mount moves.
    site.hosts["bao-2"] = {"plugin_host_sha256": "0" * 64}
    site.refused("is not the file that was published", servers)
    site.hosts["bao-2"] = {}
    site.refused("would refuse all logins when they lead: bao-2. Run it for all of them", "--limit=bao-1")
    assert site.bao.call("GET", "sys/auth").json()["data"].keys() == {"token/"}
    del site.hosts["bao-2"]
    for path in (site.bao.dir / "plugins").iterdir():
        path.unlink()
    site.refused("is not the file that was published", servers, plugin_host_sha256="0" * 64)
    assert list((site.bao.dir / "plugins").iterdir()) == []
    site.refused("plugin_host_address an https:// one", servers, plugin_host_address=site.bao.address.replace("https", "http"))
    site.refused("403 permission denied", servers, plugin_host_token="s.nobody")
    site.refused("write these fields of auth/arvados/role/pipeline in the form that a read shows (seconds, lists, maps): token_ttl", servers,
                 plugin_host_config={}, plugin_host_policies={}, plugin_host_roles={"pipeline": {"token_ttl": "10m"}})
    nodes = "--limit=compute_nodes"
    site.refused("is not the file that was published", nodes, compute_node_client_sha256="0" * 64)
    (site.dir / "node/singularity").write_text("the real one\n")
    site.refused("is not the shim but a singularity", nodes)
    assert (site.dir / "node/singularity").read_text() == "the real one\n"


def test_every_field_of_the_example_is_one_that_the_plugin_knows():
    example = yaml.safe_load((ANSIBLE / "inventory.example.yml").read_text())["vault_servers"]["vars"]
    assert set(example["plugin_host_config"]) <= known_fields("config").keys()
    assert all(set(fields) <= known_fields("role/{name}").keys() for fields in example["plugin_host_roles"].values())
    defaults = yaml.safe_load((ANSIBLE / "roles/plugin_host/defaults/main.yml").read_text())
    assert set(example) <= set(defaults)
