"""The module, applied by the real program and the real provider: run by scripts/dev terraform, not by scripts/test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, plugin_path, plugin_version, register_nothing
from host import PLUGIN

PROGRAM = os.environ.get("VPA_TERRAFORM", "terraform")


@pytest.fixture
def terraform(own_bao, sim, tmp_path):
    """Runs it in a copy of the example, as an admin would."""
    register_nothing(own_bao)
    own_bao.plugin.unlink()
    shutil.copytree(ROOT / "deploy/terraform", tmp_path / "terraform")
    folder = tmp_path / "terraform/example"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "VAULT_ADDR": own_bao.address,
           "VAULT_TOKEN": own_bao.root_token, "VAULT_CACERT": own_bao.ca}

    def run(*words: str, status: int = 0, **variables: object) -> str:
        (folder / "terraform.tfvars.json").write_text(json.dumps(variables)) if variables else None
        done = subprocess.run([PROGRAM, *words, "-no-color"], cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    run.folder = folder
    mirror = os.environ.get("VPA_TERRAFORM_PLUGINS")
    run("init", "-input=false", *([f"-plugin-dir={mirror}"] if mirror else []))
    return run


def put_program(bao, version: str, tail: bytes = b"") -> str:
    path = bao.dir / "plugins" / f"{PLUGIN}-{version}"
    path.write_bytes(plugin_path().read_bytes() + tail)
    path.chmod(0o755)
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def test_applied_planned_changed_and_destroyed(terraform, own_bao, sim):
    version = plugin_version()
    values = {"programs": {version: put_program(own_bao, version)}, "plugin_version": version,
              "arvados_api_host": sim.host, "arvados_ca_file": sim.ca_pem}
    assert "valid" in terraform("validate")
    terraform("apply", "-auto-approve", "-input=false", **values)
    assert "No changes" in terraform("plan", "-detailed-exitcode", "-input=false")

    # The service token comes by another way, and is no drift, nor in the state.
    token = sim.new_token("admin", scopes=[f"GET /arvados/v1/{kind}" for kind in ("links", "users", "containers", "groups", "computed_permissions")])
    assert own_bao.call("POST", "auth/arvados/config", {"service_token": token}).status_code == 204
    assert "No changes" in terraform("plan", "-detailed-exitcode", "-input=false")
    assert token.split("/")[2] not in (terraform.folder / "terraform.tfstate").read_text()
    sim.grant("arvados-genomics-ro", sim.user("active"))
    container = sim.run_container("active")
    auth = own_bao.call("POST", "auth/arvados/login", {"token": container.token}, token="").json()["auth"]
    assert "arvados-genomics-ro" in auth["policies"] and auth["lease_duration"] == 600

    # What somebody changed by hand is seen, and put right.
    own_bao.call("POST", "auth/arvados/role/pipeline", {"token_ttl": 60})
    terraform("plan", "-detailed-exitcode", "-input=false", status=2)
    terraform("apply", "-auto-approve", "-input=false")
    assert own_bao.call("GET", "auth/arvados/role/pipeline").json()["data"]["token_ttl"] == 600
    assert own_bao.call("GET", "auth/arvados/config").json()["data"]["service_token_uuid"] == token.split("/")[1]

    # The server refuses to send the token to a new place on the strength of a write without it.
    moved = terraform("apply", "-auto-approve", "-input=false", status=1, **{**values, "arvados_api_host": "arvados.example.org"})
    assert "service_token" in moved
    wrong = terraform("plan", "-input=false", status=1, **{**values, "plugin_version": "1.0"})
    assert "What the program says of itself" in wrong

    terraform("destroy", "-auto-approve", "-input=false", **values)
    assert own_bao.call("GET", "sys/auth").json()["data"].keys() == {"token/"}
    assert own_bao.call("GET", f"sys/plugins/catalog/auth/arvados?version={version}").status_code == 404
