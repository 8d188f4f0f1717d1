"""Each tutorial, the runbook and the upgrade page, followed to the letter: what stands there works, and does what the page says it does."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e")]

from conftest import Mount, own_bao, plugin_path, sim  # noqa: E402, F401  fixtures, found by their names here
from cwl import needs_cwl  # noqa: E402
from host import bao_path  # noqa: E402
from processes import plugin_pids, wait_until  # noqa: E402
from reader import ROOT, Reader  # noqa: E402
from simulator import Simulator  # noqa: E402
from test_docs import PAGES_ELSEWHERE  # noqa: E402

SCOPES = [f"GET /arvados/v1/{kind}" for kind in ("links", "users", "containers", "groups", "computed_permissions")]


def test_quick_start(tmp_path):
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG") or key.startswith("PIP_")}
    reader = Reader(ROOT, tmp_path / "state", kept)
    try:
        shown = reader.follow("tutorials/quick-start.md")
    finally:  # a reader who is stuck in the middle ends the demo too
        reader.type('[ ! -f "${DEMO:-/none}/stop" ] || sh "$DEMO/stop"', {})
    assert "a password of 13 characters" in shown["Be the container"]
    assert "permission denied" in shown["Take the grant away"] and "exit status 77" in shown["Take the grant away"]
    assert "reason=no_grant" in shown["Take the grant away"]


@pytest.fixture
def arvados_site(own_bao, sim, tmp_path):  # noqa: F811
    """A site that is set up: the mount arvados, a role, secrets at secret/, a user with a running container; and who works there."""
    mount = Mount(own_bao, sim, "arvados")
    assert own_bao.enable("arvados").status_code == 204
    mount.configure()
    assert own_bao.call("POST", "auth/arvados/role/pipeline", {}).status_code in (200, 204)
    assert own_bao.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}).status_code == 204
    return mount


@pytest.fixture
def reader(own_bao, sim, tmp_path):  # noqa: F811
    """With a tree laid out as in a clone, and the tokens of each person where he works."""
    for program in ("vault-plugin-auth-arvados", "arv-vault"):
        (tmp_path / "build/release/bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "build/release/bin" / program).symlink_to(Path(plugin_path()).with_name(program))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    container = sim.run_container("active")
    env = {
        "PATH": f"{tmp_path}/build/release/bin:{Path(bao_path()).parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
        "BAO_ADDR": own_bao.address, "BAO_CACERT": own_bao.ca, "SSL_CERT_FILE": sim.ca_pem, "ARVADOS_API_HOST": sim.host,
        "PLUGIN_DIRECTORY": str(own_bao.dir / "plugins"), "SERVER_LOG": str(own_bao.dir / "server.log"),
        "AUDIT_LOG": str(own_bao.audit_file),
    }
    made = Reader(tmp_path, tmp_path / "shell-state", env)
    admins = {"BAO_TOKEN": own_bao.root_token, "ARVADOS_API_TOKEN": sim.admin_token, "ARV_VAULT_ROLE": None, "USER_UUID": container.user_uuid}
    made.people = {"container": {"BAO_TOKEN": None, "ARVADOS_API_TOKEN": container.token, "ARV_VAULT_ROLE": "pipeline"}, "": admins}
    made.container = container
    return made


@needs_cwl
def test_a_cwl_step_with_a_secret(arvados_site, reader):
    shown = reader.follow("tutorials/cwl.md")
    assert "BAD" not in shown["3. In the container: is everything there?"]
    assert shown["5. In the container: run it"].endswith("all three are there, 13 characters each\n")


@needs_cwl
def test_moving_from_secret_mounts(arvados_site, reader):
    shown = reader.follow("tutorials/secret-mounts.md")
    assert "docs/examples/secret-mounts/before.cwl" in shown["1. Find what there is"]
    assert not (reader.place / "before").exists() and not Path("/dev/shm/database.ini").exists()


def test_several_clusters(own_bao, sim, reader):  # noqa: F811
    with Simulator("zaaaa") as other:
        del reader.people["container"]["ARV_VAULT_ROLE"]  # the mounts of that page have no role at first
        reader.env |= {"OTHER_API_HOST": other.host, "OTHER_API_TOKEN": other.admin_token, "OTHER_CA": other.ca_pem}
        shown = reader.follow("guides/federation.md")
        found = shown["The container finds its mount"]
        assert "arvados-genomics-ro, default" in found and found.endswith("exit status 77\n")
        assert other.log.count("/arvados/v1/containers/current") == 0
        salted = shown["In the container: log in with a salted token"]
        assert "arvados-genomics-ro, default" in salted and salted.endswith("exit status 77\n")
        # As the page's table says of a satellite.
        foreign = "zbbbb-tpzed-xurymjxw79nv3jz"
        sim.rename(reader.container.user_uuid, foreign)
        sim.grant("arvados-genomics-ro", foreign)
        mount = Mount(own_bao, sim, "arvados-zzzzz")
        wait_until(lambda: mount.login(reader.container.token, role="salted").status_code == 200, "the grant to count")


def test_production(own_bao, sim, reader):  # noqa: F811
    reader.env["COMPUTE_NETWORK"] = "127.0.0.0/8"
    del reader.people["container"]["ARV_VAULT_ROLE"]  # it has a default
    own_bao.call("DELETE", "sys/plugins/catalog/auth/arvados")
    own_bao.plugin.unlink()
    shown = reader.follow("tutorials/production.md")
    checked = shown["2. The service token and the config"]
    assert '"ok": true' in checked and '"ok": false' not in checked, shown
    assert "BAD" not in shown["6. In a container: prove it"]
    assert "to-file" in shown["4. Against floods, and for the audit"]
    # What its table promises of another address.
    own_bao.call("POST", "auth/arvados/role/pipeline", {"token_bound_cidrs": "192.0.2.0/24"})
    mount = Mount(own_bao, sim, "arvados")
    assert mount.reason(mount.login(reader.container.token)) == "cidr_mismatch"


def test_runbook(arvados_site, reader, sim):  # noqa: F811
    """Each thing happens before its section is followed, and is over afterwards."""
    mount, bao, admin = arvados_site, arvados_site.bao, reader.people[""]
    mount.bao.call("DELETE", "auth/arvados/role/pipeline")
    mount.configure(service_token=sim.new_token("admin", SCOPES))
    service_tokens = [mount.read_config()["service_token_uuid"]]  # each is ended by a rotation
    bao.call("POST", "sys/policies/acl/arvados-read", {"policy": 'path "secret/data/*" { capabilities = ["read"] }'})
    bao.call("POST", "secret/data/genomics/db", {"data": {"password": "geheim"}})
    for user in ("active", "spectator"):
        sim.grant("arvados-read", user)
    leaked = sim.run_container("spectator")
    given: list[str] = []  # Vault tokens that the section must end

    def log_in(container) -> None:
        given.append(mount.logged_in(container.token)["auth"]["client_token"])
        assert bao.call("GET", "secret/data/genomics/db", token=given[-1]).status_code == 200

    def all_ended() -> None:
        assert given and all(bao.call("GET", "auth/token/lookup-self", token=token).status_code == 403 for token in given)
        given.clear()

    def it_leaks() -> None:
        log_in(leaked)
        admin["LEAKED_UUID"] = leaked.token_uuid
        dispatcher.start()

    def end_what_is_cancelled() -> None:
        wait_until(lambda: sim.record(leaked.request_uuid)["priority"] == 0, "the container's request to be cancelled", 120)
        while_it_runs.append(mount.login(leaked.token).status_code)
        sim.finish(leaked, "Cancelled")

    dispatcher = threading.Thread(target=end_what_is_cancelled)
    while_it_runs: list[int] = []  # what a login is answered between the cancelling and the end

    def leak_is_closed() -> None:
        dispatcher.join()
        assert while_it_runs == [403]
        all_ended()
        assert mount.reason(mount.login(leaked.token)) == "token_rejected"
        mount.logged_in(sim.run_container("spectator").token)  # he is let in again
        service_tokens.append(mount.read_config()["service_token_uuid"])

    def somebody_grants_too_much() -> None:
        bao.call("POST", "auth/arvados/config", {"cache_ttl": "3s"})
        admin["WRONG_POLICY"] = "arvados-payroll"
        sim.grant("arvados-payroll", reader.container.user_uuid)
        wait_until(lambda: "arvados-payroll" in mount.logged_in(reader.container.token)["auth"]["policies"], "the grant to act")
        log_in(reader.container)

    def wrong_grant_is_gone() -> None:
        all_ended()
        assert mount.logged_in(reader.container.token)["auth"]["policies"] == ["arvados-read", "default"]
        bao.call("POST", "auth/arvados/role/team", {"bound_user_uuids": [reader.container.user_uuid]})
        bao.call("POST", "auth/arvados/role/anybody", {})
        bao.call("POST", "auth/arvados/config", {"default_role": "team"})
        log_in(reader.container)

    def all_is_stopped() -> None:
        all_ended()
        assert [mount.login(reader.container.token, **role).status_code for role in ({}, {"role": "team"}, {"role": "anybody"})] == [403] * 3

    def seal() -> None:
        admin["UNSEAL_KEY"] = bao.unseal_key
        assert bao.call("PUT", "sys/seal").status_code == 204

    def the_file_is_another_one() -> None:
        wait_until(lambda: bao.call("GET", "sys/health", token="").status_code == 200, "OpenBao to be active")
        good = bao.plugin.read_bytes()
        bao.plugin.unlink()  # it runs
        bao.plugin.write_bytes(good + b"x")
        bao.kill_plugin()
        wait_until(lambda: "checksums did not match" in mount.login(reader.container.token).text, "it not to start")
        bao.plugin.unlink()
        bao.plugin.write_bytes(good)
        bao.plugin.chmod(0o755)

    shown = reader.follow("guides/runbook.md", before={
        "Arvados is away": sim.stop, "Arvados is back": sim.start, "The vault is away": seal, "The plugin does not start": the_file_is_another_one,
        "A run token has leaked": it_leaks, "The service token has leaked": leak_is_closed, "A wrong grant": somebody_grants_too_much,
        "Stop everything": wrong_grant_is_gone, "Open it again": all_is_stopped})
    log_in(reader.container)
    other = sim.run_container("spectator").token
    assert [mount.login(other, **role).status_code for role in ({}, {"role": "anybody"})] == [403, 200]
    assert set(bao.call("LIST", "auth/arvados/role").json()["data"]["keys"]) == {"anybody", "team"}
    assert '"ok": false' in shown["Arvados is away"] and "unreachable" in shown["Arvados is away"]
    assert shown["Arvados is back"].startswith("true") and '"granted"' in shown["Arvados is back"]
    assert "exit status 2" in shown["The vault is away"]
    assert " read secret/data/genomics/db " in shown["A run token has leaked"]
    service_tokens.append(mount.read_config()["service_token_uuid"])
    assert [sim.try_call("GET", f"api_client_authorizations/{uuid}").status for uuid in service_tokens] == [404, 404, 200]


def another_version(plugin: bytes, old: bytes, new: bytes) -> bytes:
    """The same program, saying another version of itself."""
    assert len(old) == len(new) and old in plugin
    return plugin.replace(old, new)


def test_upgrade(arvados_site, reader, sim):  # noqa: F811
    mount, bao = arvados_site, arvados_site.bao
    running = bao.call("GET", "sys/auth/arvados/tune").json()["data"]["plugin_version"]
    newer = "v9" + running[2:]
    plugin = bao.plugin.read_bytes()
    for name, content in ((newer, another_version(plugin, running.encode(), newer.encode())), ("rebuilt", plugin + b"\n")):
        file = bao.plugin.with_name(f"{bao.plugin.name}-{name}")
        file.write_bytes(content)
        file.chmod(0o755)
    reader.env |= {"NEW_VERSION": newer, "OLD_VERSION": running}
    mount.configure(default_role="pipeline")
    sim.grant("arvados-read", "active")
    token = mount.login(reader.container.token, role="pipeline").json()["auth"]["client_token"]
    shown = reader.follow("guides/upgrade.md")
    assert newer in shown["One node"] and '"granted"' in shown["One node"]
    assert shown["Back"].endswith("true") and shown["The same version, built anew"].endswith("true")
    # As its table promises.
    assert mount.renew(token).status_code == 200
    assert [path.name for path in running_files(bao)] == [f"{bao.plugin.name}-rebuilt"]


def running_files(bao) -> list[Path]:
    names = [path for path in bao.plugin.parent.iterdir() if plugin_pids(path)]
    return sorted(names)


RUN_BY_OTHER_TESTS = {"tutorials/python.md", "tutorials/engine.md"}  # tests/python/test_page.py, tests/engine/test_page.py


def test_no_page_of_commands_is_left_out():
    """Pages outside docs/tutorials are run by tests/e2e/test_docs.py, unless it names them as run elsewhere."""
    followed = set(re.findall(r'follow\("([\w/-]+\.md)"', Path(__file__).read_text()))
    tutorials = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs/tutorials").glob("*.md")}
    assert tutorials - RUN_BY_OTHER_TESTS <= followed and {Path(page).name for page in followed - tutorials} <= PAGES_ELSEWHERE
