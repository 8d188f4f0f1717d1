"""The trial of deploy/cluster, from `up` to `down`: the commands of its page, under a load of logins. Three real servers, one after the other killed,
upgraded, restored. In the order of the page: the tests hang together.

VPA_BUILD_ROOT says where the build is, as for the scripts. No time is judged but by the servers' own account of who led when."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

from logins import Attempt, Load, log_in  # noqa: E402
from processes import free_port, process_exists, wait_until  # noqa: E402

CLUSTER = ROOT / "deploy/cluster"
PAGE = (CLUSTER / "README.md").read_text()
GRANTED = ("arvados-genomics-ro", "default")
NODES = (1, 2, 3)


def blocks(heading: str) -> list[str]:
    """The commands of one section of the page."""
    section = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(heading + "\n")]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Trial:
    def __init__(self, place: Path):
        self.dir = place / "cluster"
        self.env = {**os.environ, "VPA_CLUSTER": str(self.dir)}
        self.told = ""

    def run(self, script: str, **more: str) -> str:
        """As an operator's shell would, who has read what `up` said."""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", f'. "$VPA_CLUSTER/env"\n{script}'], cwd=ROOT, env={**self.env, **more},
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def up(self) -> "Trial":
        port = free_port()
        done = subprocess.run([CLUSTER / "up", f"--port={port}"], env=self.env, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.told = done.stdout
        self.urls = [f"https://127.0.0.{number}:{port}" for number in NODES]
        self.ca = str(self.dir / "ca.pem")
        self.job = (self.dir / "run-token").read_text().strip()
        return self

    def down(self) -> None:
        subprocess.run([CLUSTER / "down"], env=self.env, check=True, timeout=120)

    def secret(self, name: str) -> str:
        return (self.dir / "keys" / name).read_text().strip()

    def call(self, method: str, path: str, body: dict | None = None, token: str | None = None, node: int = 1) -> requests.Response:
        headers = {"X-Vault-Token": self.secret("admin-token") if token is None else token}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.urls[node - 1]}/v1/{path}", json=body, headers=headers, verify=self.ca, timeout=60)

    def log_in(self, node: int) -> Attempt:
        return log_in(self.urls[node - 1], self.ca, self.job)

    def load(self) -> Load:
        return Load(self.urls, self.ca, self.job)

    def serving(self) -> bool:
        return all(self.log_in(node).policies == GRANTED for node in NODES)

    def leader_changes(self) -> int:
        """How often any node began to lead."""
        return sum((self.dir / f"bao-{node}/server.log").read_text(errors="replace").count("acquired lock, enabling active operation") for node in NODES)

    def plugin_version(self) -> str:
        return self.call("GET", "auth/arvados/version/client-only").json()["data"]["plugin"]

    def leader(self, nodes: Iterable[int] = NODES) -> int:
        """0 while there is none."""
        return next((node for node in nodes if self.call("GET", "sys/health", node=node).status_code == 200), 0)

    def pids(self) -> list[int]:
        return [int(path.read_text()) for path in [*(self.dir / f"bao-{node}/pid" for node in NODES), self.dir / "arvados.pid"]]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    made = Trial(tmp_path_factory.mktemp("trial"))
    try:
        yield made.up()
    finally:
        made.down()


def judge(trial: Trial, load: Load, changes: int) -> None:
    """Nobody got what was not granted, ever; and no login failed, unless the cluster chose another leader by itself meanwhile, as it may on a
    machine that stood still."""
    assert {attempt.policies for attempt in load.attempts if attempt.status == 200} == {GRANTED}
    assert not load.failed() or trial.leader_changes() > changes, load.failed()[:5]


# ---- as it stands ----


def test_every_node_takes_logins(trial):
    told = trial.run("\n".join(block for block in blocks("Try it") if block != "deploy/cluster/up\n"))
    assert told.count("arvados-genomics-ro") == 3
    assert told.count(" leader\n") == 1 and told.count(" standby\n") == 2 and told.count("true") == 3


def test_a_node_unseals_once(trial):
    """Given its keys again while it joins it does so twice, and then its two loops take the news of who leads from each other."""
    assert [(trial.dir / f"bao-{node}/server.log").read_text().count("core: vault is unsealed") for node in NODES] == [1, 1, 1]


def test_what_up_says_can_be_typed(trial):
    said = trial.told.split("==> The cluster is up")[1]
    assert f". {trial.dir}/env" in said
    assert "arvados-genomics-ro" in trial.run(re.search(r"^bao write auth/arvados/login.*$", said, re.MULTILINE)[0])


def test_the_configurations_are_the_file_of_production_but_for_hosts_and_folders(trial):
    wanted = (CLUSTER / "openbao.hcl").read_text().splitlines()
    for number in NODES:
        made = (trial.dir / f"bao-{number}/openbao.hcl").read_text().splitlines()
        assert len(made) == len(wanted)
        changed = [before for before, after in zip(wanted, made, strict=True) if before != after]
        assert all(re.search(r"@\w+@|/opt/openbao|/var/log/openbao|^log_level", line) for line in changed), changed
        assert not [line for line in made if re.search(r"@\w+@", line) and not line.startswith("#")]


def test_nothing_of_it_is_for_others(trial):
    assert trial.dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in (trial.dir / "keys").iterdir()} == {0}
    secrets = [trial.secret(name) for name in ("root-token", "admin-token", "unseal-1", "unseal-2", "unseal-3")]
    for path in [trial.dir / "env", trial.dir / "log/audit.log", *trial.dir.glob("bao-*/server.log"), *trial.dir.glob("bao-*/openbao.hcl")]:
        text = path.read_text(errors="replace")
        assert not [secret for secret in [*secrets, trial.job] if secret in text], path


def test_the_policies_let_each_do_his_work_and_no_more(trial):
    def token(policy: str) -> str:
        answer = trial.call("POST", "auth/token/create-orphan", {"policies": [policy], "ttl": "10m"}, token=trial.secret("root-token"))
        return answer.json()["auth"]["client_token"]

    admin, operator, responder = token("method-admin"), token("operator"), token("responder")
    assert trial.call("GET", "auth/arvados/config", token=admin).status_code == 200
    assert trial.call("POST", "auth/arvados/role/pipeline", {"token_ttl": "10m"}, token=admin).status_code == 204
    assert trial.call("DELETE", "auth/arvados/role/pipeline", token=admin).status_code == 204
    assert trial.call("POST", "sys/policies/acl/arvados-x", {"policy": 'path "secret/data/x/*" { capabilities = ["read"] }'}, token=admin).status_code == 204
    for path in ("sys/metrics?format=prometheus", "sys/storage/raft/configuration", "auth/arvados/status", "auth/arvados/config/check"):
        assert trial.call("GET", path, token=operator).status_code == 200, path
    for who, method, path in [(admin, "POST", "sys/plugins/catalog/auth/arvados"), (admin, "GET", "secret/data/genomics/db"),
                              (admin, "POST", "sys/policies/acl/operator"), (admin, "GET", "sys/storage/raft/snapshot"),
                              (operator, "POST", "auth/arvados/config"), (operator, "POST", "sys/policies/acl/arvados-x"),
                              (operator, "GET", "secret/data/genomics/db"), (operator, "POST", "sys/plugins/catalog/secret/other"),
                              (admin, "POST", "identity/group"), (admin, "POST", "identity/group-alias"), (responder, "POST", "identity/group"),
                              (responder, "GET", "secret/data/genomics/db"), (responder, "POST", "auth/arvados/config"), (responder, "POST", "auth/token/create")]:
        assert trial.call(method, path, {} if method == "POST" else None, token=who).status_code == 403, path


def test_the_quota_can_be_set_for_logins_and_for_nothing_else(trial):
    answer = trial.call("POST", "auth/token/create-orphan", {"policies": ["method-admin"], "ttl": "10m"}, token=trial.secret("root-token"))
    admin, at = answer.json()["auth"]["client_token"], "sys/quotas/rate-limit/arvados-login"
    assert trial.call("POST", at, {"path": "auth/arvados/login", "rate": 200, "interval": "10s"}, token=admin).status_code == 204
    assert trial.call("GET", f"{at}?path=auth/arvados/login", token=admin).json()["data"]["path"] == "auth/arvados/login"
    for body in ({"rate": 1}, {"path": "", "rate": 1}, {"path": "secret/", "rate": 1}, {"path": "auth/arvados/", "rate": 1},
                 {"path": "auth/arvados/login", "rate": 1, "inheritable": True}):
        assert trial.call("POST", at, body, token=admin).status_code == 403, body
    assert trial.call("POST", "sys/quotas/rate-limit/arvados-x", {"path": "auth/arvados/login", "rate": 1}, token=admin).status_code == 403


def test_who_is_on_call_can_do_what_the_runbook_says(trial):
    """With the token of `up`, of all three policies; what each is for stands in docs/guides/runbook.md."""
    at_login = trial.call("POST", "auth/arvados/login", {"token": trial.job}, token="").json()["auth"]
    accessor, entity = at_login["accessor"], at_login["entity_id"]
    assert accessor in trial.call("LIST", "auth/token/accessors").json()["data"]["keys"]
    found = trial.call("POST", "auth/token/lookup-accessor", {"accessor": accessor}).json()["data"]
    assert found["entity_id"] == entity
    mount = trial.call("GET", "sys/auth/arvados").json()["data"]["accessor"]
    user = {"alias_name": found["meta"]["user_uuid"], "alias_mount_accessor": mount}
    assert trial.call("POST", "identity/lookup/entity", user).json()["data"]["id"] == entity
    at = f"identity/entity/id/{entity}"
    assert trial.call("POST", at, {"policies": ["operator"]}).status_code == 403
    before = trial.call("GET", at).json()["data"]
    assert trial.call("POST", at, {"disabled": True}).ok
    assert trial.call("GET", "auth/token/lookup-self", token=at_login["client_token"]).status_code == 403
    assert trial.call("POST", at, {"disabled": False}).ok
    after = trial.call("GET", at).json()["data"]
    assert [after[key] for key in ("name", "metadata", "policies")] == [before[key] for key in ("name", "metadata", "policies")]
    assert trial.call("GET", "auth/token/lookup-self", token=at_login["client_token"]).ok
    assert trial.call("POST", "auth/token/revoke-accessor", {"accessor": accessor}).status_code == 204
    for method, path, body in [("PUT", "sys/leases/revoke-prefix/auth/arvados/login", {"sync": True}), ("GET", "sys/audit", None),
                               ("POST", "sys/audit-hash/file", {"input": "x"}), ("POST", "sys/loggers", {"level": "debug"}), ("DELETE", "sys/loggers", None),
                               ("GET", "sys/plugins/catalog", None), ("POST", "auth/arvados/explain", {"user_uuid": found["meta"]["user_uuid"]})]:
        answer = trial.call(method, path, body)
        assert answer.ok, (path, answer.text)


def test_the_quota_of_an_address(trial):
    at = "sys/quotas/rate-limit/arvados-login?path=auth/arvados/login"
    assert trial.call("GET", at).json()["data"]["rate"] == 200
    trial.call("POST", at, {"path": "auth/arvados/login", "rate": 5, "interval": "1h"})
    wait_until(lambda: trial.log_in(1).status == 429, "too many logins")
    assert trial.call("GET", "sys/health").status_code == 200
    raise_it, lower_it = blocks("The quota")
    trial.run(raise_it)
    assert trial.call("GET", at).json()["data"]["rate"] == 2000
    trial.run(lower_it)
    assert trial.log_in(1).status == 200


def test_the_audit_log_shows_who_and_hides_tokens(trial):
    trial.call("POST", "auth/arvados/login", {"token": trial.job, "role": "nobody"}, token="")
    entries = [json.loads(line) for line in (trial.dir / "log/audit.log").read_text().splitlines()]
    ours = [entry for entry in entries if entry["request"]["path"] == "auth/arvados/login"]
    assert ours[-1]["request"]["data"]["role"] == "nobody" and ours[-1]["request"]["data"]["token"].startswith("hmac-")
    granted = [entry for entry in ours if entry["type"] == "response" and "metadata" in entry.get("auth", {})]
    assert granted[-1]["auth"]["metadata"]["container_uuid"] == "zzzzz-dz642-runningcontainr"
    shown = trial.call("GET", "sys/auth/arvados/tune").json()["data"]
    page = (ROOT / "docs/guides/operate.md").read_text()
    for kind in ("request", "response"):
        assert shown[f"audit_non_hmac_{kind}_keys"] == re.findall(rf"-audit-non-hmac-{kind}-keys=(\w+)", page)


def test_the_audit_log_can_be_rotated(trial):
    log, old = trial.dir / "log/audit.log", trial.dir / "log/audit.log.1"
    log.rename(old)
    for pid in trial.pids()[:3]:
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: trial.log_in(2).status == 200 and log.exists() and "auth/arvados/login" in log.read_text(), "a new audit log")


def test_set_up_again_leaves_what_the_site_made_its_own(trial):
    """With root's token, as the first time."""
    quota = "sys/quotas/rate-limit/arvados-login?path=auth/arvados/login"
    trial.call("POST", "auth/arvados/config", {"allowed_policy_prefixes": ["arvados-", "site-"]})
    trial.run('bao write sys/quotas/rate-limit/arvados-login path=auth/arvados/login rate=300 interval=10s')
    trial.run('bao auth tune -audit-non-hmac-request-keys=role arvados')
    trial.run("""
        file=$(cd "$CLUSTER/bao-1/plugins" && echo vault-plugin-auth-arvados-v*)
        export BAO_TOKEN=$(cat "$CLUSTER/keys/root-token") ARVADOS_CA_FILE=$SSL_CERT_FILE
        ARVADOS_API_TOKEN=$ADMIN_TOKEN python3 docs/examples/service_token.py make "$CLUSTER/keys/again" > /dev/null
        deploy/cluster/set-up "$CLUSTER/keys/again" "$(sha256sum < "$CLUSTER/bao-1/plugins/$file" | cut -d' ' -f1)" "$file"
        rm "$CLUSTER/keys/again"
        ! deploy/cluster/set-up x "$(printf x | sha256sum | cut -d' ' -f1)" vault-plugin-auth-arvados""")
    assert trial.call("GET", "auth/arvados/config").json()["data"]["allowed_policy_prefixes"] == ["arvados-", "site-"]
    assert trial.call("GET", quota).json()["data"]["rate"] == 300
    assert trial.call("GET", "sys/auth/arvados/tune").json()["data"]["audit_non_hmac_request_keys"] == ["role"]
    assert trial.serving()


# ---- under load ----


def test_the_leader_is_killed(trial):
    kill, look, back = blocks("A node fails")
    others = trial.urls[1:]
    with trial.load() as load:
        wait_until(lambda: all(load.succeeded_since(0, url) for url in trial.urls), "logins at each node")
        changes = trial.leader_changes()
        killed = time.monotonic()
        trial.run(kill)
        wait_until(lambda: all(load.succeeded_since(killed, url) for url in others) and trial.leader_changes() > changes, "a new leader", 120)
        wait_until(lambda: all(log_in(url, trial.ca, trial.job).status == 200 for url in others), "logins at both", 60)
        settled, changes = time.monotonic(), trial.leader_changes()
        time.sleep(3)
        told = trial.run(look)
        assert told.count(" leader\n") == 1
        trial.run(back)
        wait_until(trial.serving, "all three", 120)
        again = time.monotonic()
        time.sleep(2)
    assert {attempt.policies for attempt in load.attempts if attempt.status == 200} == {GRANTED}
    good = sorted([killed, *(attempt.ended for attempt in load.attempts if attempt.status == 200 and killed <= attempt.ended <= settled + 3)])
    window = [attempt for attempt in load.failed() if killed <= attempt.ended and attempt.started <= settled]
    longest = max(after - before for before, after in zip(good, good[1:], strict=False))
    print(f"fail-over: {longest:.2f} s without a login anywhere, {len(window)} attempts failed")
    outside = [attempt for attempt in load.failed() if attempt not in window and (attempt.url in others or attempt.started > again)]
    assert not outside or trial.leader_changes() > changes, outside[:5]


def test_the_service_token_is_rotated(trial):
    trial.call("POST", "auth/arvados/config", {"request_timeout": "3s"})
    old = trial.call("GET", "auth/arvados/config").json()["data"]["service_token_uuid"]
    (commands,) = blocks("Rotate the service token")
    changes = trial.leader_changes()
    with trial.load() as load:
        trial.run(commands)
        time.sleep(1)
    judge(trial, load, changes)
    assert {trial.call("GET", "auth/arvados/config", node=node).json()["data"]["service_token_uuid"] for node in NODES}.isdisjoint({old})
    assert old not in trial.run('curl -sS --cacert "$SSL_CERT_FILE" -H "Authorization: Bearer $ADMIN_TOKEN" '
                                '"https://$ARVADOS_API_HOST/arvados/v1/api_client_authorizations?limit=1000"')
    assert all(check["ok"] for check in trial.call("GET", "auth/arvados/config/check").json()["data"]["checks"])


@pytest.fixture(scope="module")
def next_plugin(trial) -> tuple[Path, str, str]:
    """The same program that calls itself a later version: to the host another one, with another sum."""
    (before,) = (trial.dir / "bao-1/plugins").glob("vault-plugin-auth-arvados-v*")
    old = before.name.rsplit("-", 1)[1]
    new = old[:-1] + ("8" if old[-1] != "8" else "9")
    made = trial.dir / "next-plugin"
    made.write_bytes(before.read_bytes().replace(old.encode() + b"\0", new.encode() + b"\0"))
    made.chmod(0o755)
    return made, old, new


def test_the_plugin_is_upgraded_and_the_next_leader_has_it(trial, next_plugin):
    file, old, new = next_plugin
    upgrade, restart = blocks("Upgrade the plugin")
    changes = trial.leader_changes()
    assert trial.plugin_version() == old
    with trial.load() as load:
        trial.run(upgrade, NEW_PLUGIN=str(file), NEW_VERSION=new)
        version = trial.plugin_version()
        time.sleep(1)
    judge(trial, load, changes)
    assert version == new
    before = trial.leader()
    with trial.load() as load:
        trial.run(restart)
        wait_until(trial.serving, "all three", 120)
        settled, changes = time.monotonic(), trial.leader_changes()
        time.sleep(1)
    assert {attempt.policies for attempt in load.attempts if attempt.status == 200} == {GRANTED}
    late = [attempt for attempt in load.failed() if attempt.started > settled]
    assert not late or trial.leader_changes() > changes, late
    assert trial.leader() != before and trial.plugin_version() == new


def test_a_leader_without_the_file_is_found_and_cured_and_the_way_back(trial, next_plugin):
    file, old, new = next_plugin
    name = f"vault-plugin-auth-arvados-{new}"
    leader = trial.leader()
    lame = [number for number in NODES if number != leader]
    for number in lame:
        (trial.dir / f"bao-{number}/plugins/{name}").write_bytes(file.read_bytes() + b"x")
    trial.run(f"deploy/cluster/node restart {leader}")
    # Another file than was registered: the method is there and nobody answers for it.
    wait_until(lambda: trial.log_in(lame[0]).status in (403, 404), "logins to be refused", 120)
    wait_until(trial.leader, "a leader", 60)
    for number in lame:
        shutil.copy(file, trial.dir / f"bao-{number}/plugins/{name}")
    trial.run("BAO_ADDR=$(bao read -field=leader_address sys/leader) bao plugin reload -mounts=auth/arvados/")
    wait_until(trial.serving, "all three", 60)
    back = f"vault-plugin-auth-arvados-{old}"
    trial.run(f'deploy/cluster/upgrade-plugin "$(sha256sum < $CLUSTER/bao-1/plugins/{back} | cut -d" " -f1)" {back}')
    assert trial.plugin_version() == old and trial.serving()


def test_a_node_keeps_within_what_its_unit_lets_it(trial, tmp_path):
    """There is no systemd to run it under here; so what server and plugin do from start to stop is traced and held to the unit."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here to say what a group of system calls is")
    unit = unit_settings()
    number = 3
    home, trace = trial.dir / f"bao-{number}", tmp_path / "trace"
    trial.run(f"deploy/cluster/node stop {number}")
    with open(home / "server.log", "ab") as log:
        traced = subprocess.Popen(["bash", "-c", '. "$VPA_CLUSTER/env"; exec strace -f -qq -e signal=none -o "$0" bao server -config="$1/openbao.hcl"', trace, home],
                                  env={**trial.env, "TMPDIR": str(home / "tmp")}, stdout=log, stderr=log)
    trial.run(f"deploy/cluster/node unseal {number}")
    wait_until(trial.serving, "all three", 120)
    # Only a leader runs the plugin. While one node is away and another starts anew it is this one's turn, sooner or later.
    leader = wait_until(trial.leader, "a leader", 60)
    (idle,) = {*NODES} - {number, leader} if leader != number else {1}
    trial.run(f"deploy/cluster/node stop {idle}")
    here = [node for node in NODES if node != idle]
    for _ in range(10):
        if (leader := wait_until(lambda: trial.leader(here), "a leader", 60)) != number:
            trial.run(f"deploy/cluster/node restart {leader}")
    assert trial.leader(here) == number
    trial.run(f"deploy/cluster/node start {idle}; deploy/cluster/node unseal {idle}")
    wait_until(trial.serving, "all three", 120)
    wait_until(lambda: trial.log_in(number).status == 200 and trial.call("GET", "auth/arvados/config/check", node=number).status_code == 200,
               "the node to serve", 120)
    os.kill(int(Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split()[0]), signal.SIGINT)
    traced.wait(120)
    text = trace.read_text(errors="replace")
    calls = set(re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE))
    allowed = {name for word in unit["SystemCallFilter"] for name in system_calls(word)}
    assert {"prctl", "landlock_restrict_self", "mlock"} <= calls <= allowed, calls - allowed
    assert set(re.findall(r" socket\((AF_\w+)", text)) <= set(unit["RestrictAddressFamilies"])
    assert not re.search(r"PROT_WRITE\|PROT_EXEC", text)  # MemoryDenyWriteExecute
    written = set(re.findall(r' openat\(AT_FDCWD, "([^"]+)", O_(?:RDWR|WRONLY)', text)) - {"/dev/null"}
    assert written and all(re.match(rf"{home}/(data|tmp)/|{trial.dir}/log/", path) for path in written), written
    locked = [int(size) for size in re.findall(r" mlock\(\w+, (\d+)", text)]
    assert sum(locked) * 2 <= int(unit["LimitMEMLOCK"][0].removesuffix("M")) * 1024 * 1024
    trial.run(f"deploy/cluster/node start {number}; deploy/cluster/node unseal {number}")
    wait_until(trial.serving, "all three", 120)


def unit_settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, words in re.findall(r"^(\w+)=(.*)$", (CLUSTER / "openbao.service").read_text(), re.MULTILINE):
        found.setdefault(name, []).extend(words.split())
    return found


def system_calls(word: str) -> set[str]:
    """Those of a group, and of the groups in it."""
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    return {name for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#") for name in system_calls(line.strip())}


def test_a_snapshot_brings_back_what_was_lost(trial):
    save, restore = blocks("Back up and restore")
    trial.call("POST", "auth/arvados/role/pipeline", {"token_ttl": 77})
    trial.call("POST", "auth/arvados/config", {"default_role": "pipeline"})
    trial.run(save)
    # Somebody's bad day: a role, the config, and then the whole method.
    trial.call("DELETE", "auth/arvados/role/pipeline")
    trial.call("DELETE", "auth/arvados/config")
    assert trial.log_in(1).status == 400
    trial.call("DELETE", "sys/auth/arvados", token=trial.secret("root-token"))
    wait_until(lambda: trial.log_in(1).status in (403, 404), "the method to be gone")
    trial.run(restore)
    wait_until(trial.serving, "logins at each node", 60)
    for node in NODES:
        assert trial.call("GET", "auth/arvados/role/pipeline", node=node).json()["data"]["token_ttl"] == 77


def test_every_command_of_the_page_was_run():
    run = sum(len(blocks(heading)) for heading in ("Try it", "The quota", "A node fails", "Rotate the service token", "Upgrade the plugin",
                                                     "Back up and restore"))
    assert run == len(re.findall(r"^```sh$", PAGE, re.MULTILINE))


def test_down_leaves_nothing(trial):
    pids = trial.pids()
    trial.down()
    assert not trial.dir.exists() and not [pid for pid in pids if process_exists(pid)]
