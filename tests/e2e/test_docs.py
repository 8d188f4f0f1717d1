"""Every command in the documents is run, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from client import arv_vault_path
from conftest import plugin_path
from cwl import HAS_CWL
from host import bao_path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Run by others: the demo by tests/fresh, the release and what its page says by tests/release, the runbook and upgrades by
# tests/site, operations and development by tests/ops, the service token's page by tests/deploy, the Python page by tests/python, that of the engine by tests/engine, this very command by whoever reads the result.
RUN_ELSEWHERE = {"scripts/demo\n", "scripts/test\n", "scripts/release-build\n"}
FOLDERS = (".", "guides", "reference", "explanation", "evidence")  # docs/tutorials is run by tests/site
PAGES_ELSEWHERE = {"release.md", "runbook.md", "upgrade.md", "operate.md", "development.md", "service-token.md", "federation.md"}


def blocks() -> list[tuple[str, str]]:
    found = []
    for page in [ROOT / "README.md", *(page for folder in FOLDERS for page in sorted((ROOT / "docs" / folder).glob("*.md")))]:
        found += [(page.name, text) for text in BLOCK.findall(page.read_text())]
    return found


@pytest.fixture
def shell(own_bao, sim, tmp_path):
    """Runs a block as an admin's shell would, from a tree laid out as the README's reader has it."""
    (tmp_path / "build/release/bin").mkdir(parents=True)
    (tmp_path / "build/release/bin/vault-plugin-auth-arvados").symlink_to(plugin_path())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/arv-vault").symlink_to(arv_vault_path())
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    container = sim.run_container("active")
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    env = {
        "PATH": f"{tmp_path}/bin:{Path(bao_path()).parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
        "BAO_ADDR": own_bao.address, "BAO_CACERT": own_bao.ca, "BAO_TOKEN": own_bao.root_token,
        "PLUGIN_DIRECTORY": str(own_bao.dir / "plugins"), "SSL_CERT_FILE": sim.ca_pem,
        "ARVADOS_API_HOST": sim.host, "ARVADOS_API_TOKEN": sim.admin_token, "USER_UUID": container.user_uuid,
        "VAULT_ADMIN_TOKEN": own_bao.root_token, "ARVADOS_ADMIN_TOKEN": sim.admin_token, "ROLE_UUID": role, "SYSTEM_USER_UUID": sim.system_user, "PROJECT_UUID": sim.new_project("lab grants")["uuid"],
    }

    (tmp_path / "run-token").write_text(container.token + "\n")

    def run(script: str, **changes: str | None) -> str:
        changed = {key: value for key, value in {**env, **changes}.items() if value is not None}
        answer = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=changed,
                                capture_output=True, text=True, timeout=120, check=False)
        assert answer.returncode == 0, f"{script}\n{answer.stdout}\n{answer.stderr}"
        return answer.stdout

    run.bao, run.container = own_bao, container
    return run


def test_the_commands_of_the_documents_work_in_their_order(shell):
    # Registered by the fixture for the other tests; here the README does it.
    shell.bao.call("DELETE", "sys/plugins/catalog/auth/arvados")
    shell.bao.plugin.unlink()
    shell.bao.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    shell.bao.call("POST", "sys/policies/acl/arvados-genomics-ro",
                   {"policy": 'path "secret/data/genomics/*" { capabilities = ["read"] }'})
    shell.bao.call("POST", "secret/data/genomics/db", {"data": {"password": "geheim"}})
    seen = ""
    for page, text in blocks():
        if text in RUN_ELSEWHERE or page in PAGES_ELSEWHERE or ("cwltool" in text and not HAS_CWL):
            continue
        changes: dict[str, str | None] = {}
        if ("arv-vault" in text and "arv-vault grant" not in text) or "cwltool" in text:  # in a container, without a Vault token
            changes = {"ARVADOS_API_TOKEN": shell.container.token, "BAO_TOKEN": None}
        if "auth/arvados/login" in text:
            changes = {"ARVADOS_API_TOKEN": shell.container.token}
        if "$ENTITY_ID" in text:
            login = shell.bao.call("POST", "auth/arvados/login", {"token": shell.container.token}, token="").json()
            changes = {"ENTITY_ID": login["auth"]["entity_id"], "ACCESSOR": login["auth"]["accessor"]}
        if 'grant add "$USER_UUID" arvados-genomics-ro' in text:  # each page starts from a user without that grant
            shell('export BAO_TOKEN=$VAULT_ADMIN_TOKEN ARVADOS_API_TOKEN=$ARVADOS_ADMIN_TOKEN\narv-vault grant remove "$USER_UUID" arvados-genomics-ro')
        seen += shell(text, **changes)

    assert "geheim" in seen


def test_every_document_link_leads_somewhere():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *(ROOT / "deploy").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_reason_that_the_code_knows_is_explained_and_no_other():
    known = set(re.findall(r'^ +X\(\w+, "([\w:]+)"', (ROOT / "include/vp/error.h").read_text(), re.MULTILINE))
    known |= set(re.findall(r'^ +X\(\w+, "(\w+)"\)', (ROOT / "include/vp/policy.h").read_text(), re.MULTILINE))
    explained = set(re.findall(r"^\| `([\w:]+)` \|", (ROOT / "docs/reference/reasons.md").read_text(), re.MULTILINE))
    assert explained == known
