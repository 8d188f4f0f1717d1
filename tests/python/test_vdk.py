"""Data jobs with the real Versatile Data Kit (`vdk run`), against a real OpenBao: configuration alone selects the secrets client."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from client import SECRET
from conftest import ROOT

VDK = Path(os.environ["VPA_BUILD"]).parent / "venv-vdk/bin/vdk"
pytestmark = pytest.mark.skipif(not VDK.exists(), reason="vdk-core is not installed in build/venv-vdk (scripts/test installs it)")

STEP = """
from vdk.api.job_input import IJobInput


def run(job_input: IJobInput) -> None:
{body}
"""


@pytest.fixture
def vdk(container, tmp_path):
    """Runs a data job whose step has that body. The package is installed as a wheel is: entry points included."""
    subprocess.run([sys.executable, ROOT / "python/build_backend.py", "--out", tmp_path / "dist"], check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    container.policy("arvados-read", f'path "{container.kv}/data/jobs/genomics/+" {{ capabilities = ["create", "read", "update"] }}')

    def run(body: str, *, name: str = "load", team: str = "genomics", config: str = "", **env: str) -> subprocess.CompletedProcess:
        job = tmp_path / name
        job.mkdir(exist_ok=True)
        (job / "config.ini").write_text(f"[owner]\nteam = {team}\n\n[vdk]\n{config}")
        (job / "10_step.py").write_text(STEP.format(body="\n".join("    " + line for line in body.splitlines())))
        given = {"ARV_VAULT_JOB_PATH": container.kv + "/jobs/{team}/{job}", "PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)}
        return subprocess.run([VDK, "run", job], env={**os.environ, **given, **env}, cwd=tmp_path, capture_output=True, text=True,
                              timeout=120, check=False)

    return run


SELECT = "secrets_default_type = arvados-vault\n"


def said(done: subprocess.CompletedProcess) -> str:
    """What the job and VDK wrote, which holds no secret."""
    assert SECRET not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_data_job_sets_and_gets_its_secrets(container, vdk):
    done = vdk("assert job_input.get_all_secrets() == {}\n"
               "assert job_input.get_secret('password', 'none') == 'none'\n"
               f"job_input.set_all_secrets({{'password': '{SECRET}', 'port': 5432, 'hosts': ['a', 'b']}})\n"
               f"assert job_input.get_secret('password') == '{SECRET}'\n"
               "assert sorted(job_input.get_all_secrets()) == ['hosts', 'password', 'port']", config=SELECT)
    assert done.returncode == 0, said(done)
    said(done)
    assert container.read("jobs/genomics/load")["data"] == {"password": SECRET, "port": 5432, "hosts": ["a", "b"]}
    done = vdk(f"assert job_input.get_secret('password') == '{SECRET}'\nassert job_input.get_secret('port') == 5432", config=SELECT)
    assert done.returncode == 0, said(done)


def test_the_environment_selects_it_as_well(container, vdk):
    container.put("jobs/genomics/load", password=SECRET)
    done = vdk(f"assert job_input.get_secret('password') == '{SECRET}'", VDK_SECRETS_DEFAULT_TYPE="arvados-vault",
               ARV_VAULT_JOB_PATH="", VDK_ARVADOS_VAULT_JOB_PATH=container.kv + "/jobs/{team}/{job}")
    assert done.returncode == 0, said(done)


def test_one_login_a_run(container, vdk):
    container.put("jobs/genomics/load", password=SECRET)
    before = container.mount.bao.audit().count(f'"auth/{container.mount.path}/login"')
    done = vdk("for _ in range(100):\n    job_input.get_secret('password')", config=SELECT)
    assert done.returncode == 0, said(done)
    # A line for the request and one for the answer.
    assert container.mount.bao.audit().count(f'"auth/{container.mount.path}/login"') - before == 2


def test_another_teams_secrets_are_denied(container, vdk):
    container.put("jobs/imaging/load", password=SECRET)
    done = vdk("job_input.get_secret('password')", team="imaging", config=SELECT)
    assert done.returncode != 0 and "jobs/imaging/load" in said(done)


@pytest.mark.parametrize("secrets, words", [
    ("{'a b': '1'}", "no whitespaces in the name"),  # VDK's own check comes first
    ("{1: '1'}", "no whitespaces in the name"),
    ("{'a': b'1'}", "unsupported type"),
    ("{'a': 2**60}", "store it as a str"),
    ("{'a': {'b': b'1'}}", "base64"),
    ("{'': '1'}", "must not be empty"),
])
def test_what_can_not_be_stored_is_named(container, vdk, secrets, words):
    done = vdk(f"job_input.set_all_secrets({secrets})", config=SELECT)
    assert done.returncode != 0 and words in said(done).replace("\n", " ")


def test_a_write_that_would_undo_another_one_is_a_conflict(container, vdk):
    container.put("jobs/genomics/load", password="first")
    done = vdk("import subprocess, os\n"
               "job_input.get_all_secrets()\n"
               "import arvados_vault\n"
               "arvados_vault.put_secret(os.environ['ARV_VAULT_JOB_PATH'].format(team='genomics', job='load') + '#other', 'second')\n"
               "job_input.set_all_secrets({'password': 'third'})", config=SELECT)
    assert done.returncode != 0 and "not in the version that was expected" in said(done).replace("\n", " ")
    assert container.read("jobs/genomics/load")["data"] == {"password": "first", "other": "second"}


@pytest.mark.parametrize("config", ["", "secrets_default_type = memory\n"])
def test_a_job_that_does_not_select_it_is_not_changed(container, vdk, config):
    done = vdk("job_input.set_all_secrets({'a': '1'})\nassert job_input.get_secret('a') == '1'", config=config, BAO_ADDR="")
    assert done.returncode == 0, said(done)


def test_a_mistyped_type_is_named_with_those_that_exist(container, vdk):
    done = vdk("job_input.get_secret('a')", config="secrets_default_type = arvados-vualt\n")
    assert done.returncode != 0 and "'arvados-vault'" in said(done)
