"""The CWL example: run by cwltool, and made into a container request by arvados-cwl-runner, offline."""

from __future__ import annotations

import copy
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from client import SECRET, Client, arv_vault_path
from conftest import make_mount
from cwl import needs_cwl

pytestmark = needs_cwl

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/cwl"
MADE = [Path("/dev/shm/db-password"), Path("/dev/shm/database.yaml")]


@pytest.fixture
def site(own_bao, sim, tmp_path):
    """As the example has it: a KV mount named secret, a role named pipeline."""
    mount = make_mount(own_bao, sim)
    mount.configure()
    container = sim.run_container("active")
    sim.grant("arvados-read", "active")
    client = Client(mount, tmp_path, "secret", container.token)
    assert own_bao.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}).status_code == 204
    client.policy("arvados-read", 'path "secret/data/genomics/*" { capabilities = ["read"] }')
    assert own_bao.call("POST", f"auth/{mount.path}/role/pipeline", {}).status_code in (200, 204)
    client.put("genomics/db", password=SECRET, user="ann")
    yield client
    for path in MADE:
        path.unlink(missing_ok=True)


def run_cwltool(site: Client, tmp_path: Path, **changes: str) -> subprocess.CompletedProcess:
    outdir = tmp_path / "out"
    job = {"client": {"class": "File", "location": f"file://{arv_vault_path()}"}, "vault": site.mount.bao.address, "role": "pipeline"}
    (tmp_path / "job.json").write_text(json.dumps({**job, **changes}))
    keep = ["ARVADOS_API_TOKEN", "ARVADOS_API_HOST", "BAO_CACERT", "ARV_VAULT_MOUNT", "BAO_CLIENT_TIMEOUT"]
    return subprocess.run(["cwltool", "--no-container", "--outdir", str(outdir), "--tmpdir-prefix", f"{tmp_path}/tmp-", "--leave-tmpdir",
                           *(word for name in keep for word in ("--preserve-environment", name)),
                           str(EXAMPLE / "step.cwl"), str(tmp_path / "job.json")],
                          env=site.environment(PATH=os.environ["PATH"]), capture_output=True, text=True, timeout=120, check=False)


def test_the_step_gets_its_secrets_and_leaves_none_behind(site, tmp_path):
    done = run_cwltool(site, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/result.txt").read_text() == f"all three are there, {len(SECRET)} characters each\n"
    assert SECRET not in done.stdout + done.stderr
    assert not any(path.exists() for path in MADE)  # the supervisor cleaned up
    left = [str(path) for path in tmp_path.rglob("*") if path.is_file() and path != tmp_path / "server/data"
            and "server" not in path.parts and SECRET.encode() in path.read_bytes()]
    assert left == []


def test_a_secret_that_is_missing_fails_the_step_for_good(site, tmp_path):
    done = run_cwltool(site, tmp_path, secret="secret/genomics/none")
    assert done.returncode == 1 and "there is no secret at secret/genomics/none" in done.stderr
    assert "permanentFail" in done.stderr


def test_a_vault_that_is_away_fails_it_for_now(site, tmp_path):
    site.env["BAO_CLIENT_TIMEOUT"] = "1s"
    done = run_cwltool(site, tmp_path, vault="https://127.0.0.1:1")
    assert "temporaryFail" in done.stderr, done.stderr


# ---- arvados-cwl-runner ----


def container_request(job: dict) -> dict:
    """What the real ArvadosContainer sends to a cluster that is a mock."""
    import arvados_cwl  # noqa: F401  the rooms of it need it first
    import arvados_cwl.arvtool
    import arvados_cwl.context
    import cwltool.secrets
    from arvados_cwl.fsaccess import CollectionCache, CollectionFsAccess
    from cwltool.load_tool import fetch_document, resolve_and_validate_document

    runner = mock.MagicMock()
    runner.ignore_docker_for_reuse = False
    runner.intermediate_output_ttl = 0
    runner.secret_store = cwltool.secrets.SecretStore()
    runner.selected_credential = None
    runner.api._rootDesc = {"revision": "20250402", "resources": {}}
    runner.api.config()["Services"]["Workbench2"]["ExternalURL"] = ""
    fs_access = functools.partial(CollectionFsAccess, collection_cache=CollectionCache(runner.api, None, 0))
    loading = arvados_cwl.context.ArvLoadingContext({"default_docker_image": "99999999999999999999999999999993+99"})
    loading.construct_tool_object = lambda tool, context: arvados_cwl.arvtool.ArvadosCommandTool(runner, tool, context)
    loading, document, uri = fetch_document(str(EXAMPLE / "step.cwl"), loading)
    loading, uri = resolve_and_validate_document(loading, document, uri)
    tool = arvados_cwl.arvtool.ArvadosCommandTool(runner, loading.loader.resolve_ref(uri)[0], loading)
    runtime = arvados_cwl.context.ArvRuntimeContext({
        "work_api": "containers", "basedir": "", "name": "step", "make_fs_access": fs_access, "tmpdir": "/tmp", "outdir": "/tmp",
        "enable_reuse": True, "priority": 500, "project_uuid": "zzzzz-j7d0g-000000000000000", "match_local_docker": False})
    with mock.patch("arvados_cwl.arvcontainer.arv_docker_get_image", return_value="99999999999999999999999999999993+99"):
        for made in tool.job(copy.deepcopy(job), mock.MagicMock(), runtime):
            made.run(runtime)
    return runner.api.container_requests().create.call_args.kwargs["body"]


@pytest.fixture
def request_body() -> dict:
    collection = "99999999999999999999999999999994+99"
    files = {name: {"class": "File", "location": f"keep:{collection}/{path}", "basename": Path(path).name, "size": 1}
             for name, path in (("client", "bin/arv-vault"), ("template", "example/database.yaml.in"), ("work", "example/work.sh"))}
    return container_request({**files, "vault": "https://vault.example.org:8200", "role": "pipeline", "secret": "secret/genomics/db"})


def test_the_container_request_of_arvados_cwl_runner(request_body):
    keep = "/keep/99999999999999999999999999999994+99"
    assert request_body["command"] == [
        f"{keep}/bin/arv-vault", "exec", "--env=DB_PASSWORD=secret/genomics/db#password",
        "--file=/dev/shm/db-password=secret/genomics/db#password",
        f"--template=/dev/shm/database.yaml={keep}/example/database.yaml.in", "--supervise", "--", "sh", f"{keep}/example/work.sh"]
    assert request_body["runtime_constraints"]["API"] is True
    assert request_body["use_existing"] is False
    assert request_body["environment"]["BAO_ADDR"] == "https://vault.example.org:8200"
    assert request_body["environment"]["ARV_VAULT_ROLE"] == "pipeline"
    assert request_body["secret_mounts"] == {}
    assert request_body["mounts"]["/var/spool/cwl"]["kind"] == "tmp"


def test_no_file_goes_where_everything_is_saved(request_body):
    for word in request_body["command"]:
        if word.startswith(("--file=", "--template=")):
            assert word.split("=")[1].startswith("/dev/shm/")
            assert not word.split("=")[1].startswith(request_body["output_path"])


def test_the_example_has_no_value_of_a_secret():
    assert shutil.which("cwltool")
    for path in EXAMPLE.iterdir():
        assert SECRET not in path.read_text()
