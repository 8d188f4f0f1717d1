"""The policy template for the secrets of data jobs: two teams that can't read or write each other's."""

from __future__ import annotations

import pytest

import arvados_vault
from arvados_vault import Job, Vault
from client import SECRET
from conftest import ROOT
from host import new_name


@pytest.fixture
def teams(mount, monkeypatch, tmp_path):
    """Two Arvados roles with a policy each out of the template, and a connection as a container of a member of each."""
    from conftest import use_environment

    kv = new_name("kv")
    assert mount.bao.call("POST", f"sys/mounts/{kv}", {"type": "kv", "options": {"version": "2"}}).status_code == 204
    use_environment(monkeypatch, {"BAO_ADDR": mount.bao.address, "BAO_CACERT": mount.bao.ca, "ARV_VAULT_MOUNT": mount.path,
                                  "SSL_CERT_FILE": mount.sim.ca_pem, "HOME": str(tmp_path), "ARV_VAULT_JOB_PATH": kv + "/jobs/{team}/{job}"})
    template = (ROOT / "python/policies/job.hcl").read_text()
    made = {}
    for team, user in (("genomics", "active"), ("imaging", "spectator")):
        rules = template.replace("secret/", f"{kv}/").replace("TEAM", team)
        assert mount.bao.call("POST", f"sys/policies/acl/arvados-jobs-{team}", {"policy": rules}).status_code == 204
        role = mount.sim.new_role(team)["uuid"]
        mount.sim.add_member(role, user)
        mount.sim.grant(f"arvados-jobs-{team}", role)
        made[team] = Vault(arvados_token=mount.sim.run_container(user).token, quiet=True)
    yield made
    for vault in made.values():
        vault.close()


def test_two_teams_can_not_read_or_write_each_others_secrets(teams):
    for team, vault in teams.items():
        job = Job(team, "load", vault=vault)
        assert job.get_all_secrets() == {}
        job.set_all_secrets({"password": SECRET, "team": team})
        assert job.get_secret("team") == team
        assert Job(team, "other", vault=vault).get_all_secrets() == {}
    for team, other in (("genomics", "imaging"), ("imaging", "genomics")):
        foreign = Job(other, "load", vault=teams[team])
        with pytest.raises(arvados_vault.Denied, match=f"jobs/{other}/load"):
            foreign.get_all_secrets()
        with pytest.raises(arvados_vault.Denied):
            foreign.get_secret("password", "default")
        with pytest.raises(arvados_vault.Denied):
            foreign.set_all_secrets({})
        assert Job(team, "load", vault=teams[team]).get_secret("team") == team


def test_a_teams_name_does_not_lead_to_another_place(teams):
    for team, job in (("genomics/load", "x"), ("..", "imaging"), ("genomics", "../imaging"), ("genomics", "load/../../imaging/load"),
                      ("", "load"), ("genomics", ""), ("+", "load"), ("genomics", "*"), ("gen omics", "load"), ("{job}", "load")):
        with pytest.raises(arvados_vault.InvalidInput):
            Job(team, job, vault=teams["genomics"])
