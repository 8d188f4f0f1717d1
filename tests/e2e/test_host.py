"""What the host offers every auth method: does it work with this one?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conftest import make_mount
from host import bao_path
from processes import wait_until
from test_login import errors
from test_role import make_role


def inline(bao, path: str, mount: str, **parameters) -> requests.Response:
    """A read without a token of its own: the login travels in its headers."""
    headers = {"X-Vault-Inline-Auth-Path": f"auth/{mount}/login"}
    for number, (key, value) in enumerate(parameters.items()):
        text = json.dumps({"key": key, "value": value}).encode()
        headers[f"X-Vault-Inline-Auth-Parameter-{number}"] = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return requests.get(f"{bao.address}/v1/{path}", headers=headers, verify=bao.ca, timeout=60)


def totp(secret: str) -> str:
    """The six digits of now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1000000:06d}"


@pytest.fixture
def secret(granted):
    """A granted mount, its container, and a secret that arvados-read may read."""
    mount, container = granted
    mount.bao.call("POST", "sys/mounts/kv", {"type": "kv"})
    mount.bao.call("POST", "kv/shared/db", {"password": "geheim"})
    mount.bao.call("POST", "sys/policies/acl/arvados-read",
                   {"policy": 'path "kv/shared/*" { capabilities = ["read"] }'})
    return mount, container


def read(mount, token: str, path: str) -> requests.Response:
    return mount.bao.call("GET", path, token=token)


@pytest.mark.core
def test_the_token_reads_what_its_policies_allow_and_nothing_else(secret):
    mount, container = secret
    mount.bao.call("POST", "kv/other", {"password": "nicht für dich"})
    token = mount.logged_in(container.token)["auth"]["client_token"]
    assert read(mount, token, "kv/shared/db").json()["data"] == {"password": "geheim"}
    assert read(mount, token, "kv/other").status_code == 403


# ---- tokens ----

def test_a_login_may_be_wrapped(granted):
    mount, container = granted
    bao = mount.bao
    answer = requests.post(f"{bao.address}/v1/auth/{mount.path}/login", json={"token": container.token},
                           headers={"X-Vault-Wrap-TTL": "60"}, verify=bao.ca, timeout=60).json()
    assert answer["auth"] is None and answer["wrap_info"]["creation_path"] == f"auth/{mount.path}/login"
    inside = bao.call("POST", "sys/wrapping/unwrap", token=answer["wrap_info"]["token"]).json()["auth"]
    assert inside["policies"] == ["arvados-read", "default"]
    assert bao.call("POST", "sys/wrapping/unwrap", token=answer["wrap_info"]["token"]).status_code == 400


@pytest.mark.parametrize("tuned", ["default-service", "default-batch", "service", "batch"])
@pytest.mark.parametrize("role_type", ["default", "service", "batch"])
def test_the_type_of_a_token_is_the_roles_within_what_the_mount_is_tuned_to(granted, tuned, role_type):
    mount, container = granted
    mount.bao.call("POST", f"sys/auth/{mount.path}/tune", {"token_type": tuned})
    make_role(mount, "some", token_type=role_type)
    auth = mount.login(container.token, role="some").json()["auth"]
    wanted = tuned if tuned in ("service", "batch") else role_type if role_type != "default" else tuned.split("-")[1]
    assert auth["token_type"] == wanted
    assert auth["renewable"] is (wanted == "service")


@pytest.mark.core
def test_a_batch_token_reads_and_is_not_renewed(secret):
    mount, container = secret
    make_role(mount, "short", token_type="batch")
    auth = mount.login(container.token, role="short").json()["auth"]
    assert read(mount, auth["client_token"], "kv/shared/db").status_code == 200
    assert mount.renew(auth["client_token"]).status_code == 400


@pytest.mark.needs_inline_auth
@pytest.mark.parametrize("role_type", ["batch", "service"])
def test_inline_auth_asks_arvados_at_each_request(secret, role_type):
    mount, container = secret
    make_role(mount, "each", token_type=role_type)
    mount.sim.log.clear()
    for count in (1, 2):
        answer = inline(mount.bao, "kv/shared/db", mount.path, token=container.token, role="each")
        assert answer.status_code == 200 and answer.json()["data"] == {"password": "geheim"}
        assert mount.sim.log.count("/arvados/v1/containers/current") == count
    mount.sim.finish(container)
    assert inline(mount.bao, "kv/shared/db", mount.path, token=container.token, role="each").status_code == 403


def test_a_number_of_uses_is_kept(secret):
    mount, container = secret
    make_role(mount, "twice", token_num_uses=2)
    token = mount.login(container.token, role="twice").json()["auth"]["client_token"]
    assert [read(mount, token, "kv/shared/db").status_code for _ in range(3)] == [200, 200, 403]


def test_a_token_that_is_bound_to_its_address_works_from_there_only(secret):
    mount, container = secret
    make_role(mount, "bound", token_strictly_bind_ip=True)
    auth = mount.login(container.token, role="bound").json()["auth"]
    looked = read(mount, auth["client_token"], "auth/token/lookup-self").json()["data"]
    assert looked["bound_cidrs"] == ["127.0.0.1"]
    assert read(mount, auth["client_token"], "kv/shared/db").status_code == 200


def test_the_explicit_maximum_ends_what_renewals_prolong(granted):
    mount, container = granted
    make_role(mount, "hard", token_ttl="31s", token_explicit_max_ttl="32s")
    auth = mount.login(container.token, role="hard").json()["auth"]
    time.sleep(2)
    assert mount.renew(auth["client_token"]).json()["auth"]["lease_duration"] <= 30
    again = mount.login(container.token, role="hard")  # a job that outlives it logs in again
    assert again.status_code == 200


# ---- namespaces, quotas, MFA ----

@pytest.mark.needs_namespaces
@pytest.mark.core
def test_mounts_in_namespaces_are_apart(own_bao, sim):
    bao = own_bao
    assert bao.call("POST", "sys/namespaces/lab").status_code in (200, 204)
    assert bao.call("POST", "lab/sys/auth/arvados", {"type": "arvados"}).status_code == 204
    root = make_mount(bao, sim)
    root.configure()
    settings = root.settings(allowed_policy_prefixes=["lab-"])
    assert bao.call("POST", "lab/auth/arvados/config", settings).status_code in (200, 204)
    sim.grant("arvados-read", "active")
    sim.grant("lab-read", "active")
    container = sim.run_container("active")
    inside = bao.call("POST", "lab/auth/arvados/login", {"token": container.token}, token="").json()["auth"]
    outside = root.logged_in(container.token)["auth"]
    assert inside["policies"] == ["default", "lab-read"] and outside["policies"] == ["arvados-read", "default"]
    assert inside["entity_id"] != outside["entity_id"]
    assert bao.call("POST", "lab/auth/token/renew-self", {}, token=inside["client_token"]).status_code == 200


def test_a_quota_may_count_by_role(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    make_role(mount, "slow")
    make_role(mount, "free")
    answer = own_bao.call("POST", "sys/quotas/rate-limit/slow", {"path": f"auth/{mount.path}", "role": "slow",
                                                                 "rate": 3, "interval": "60s"})
    assert answer.status_code == 204, answer.text
    container = sim.run_container("active")
    statuses = [mount.login(container.token, role="slow").status_code for _ in range(5)]
    assert statuses == [200] * 3 + [429] * 2
    assert [mount.login(container.token, role="free").status_code for _ in range(5)] == [200] * 5


def test_a_login_may_need_a_second_factor(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", "active")
    container = sim.run_container("active")
    entity = mount.logged_in(container.token)["auth"]["entity_id"]
    bao = own_bao
    accessor = bao.call("GET", "sys/auth").json()["data"][f"{mount.path}/"]["accessor"]
    method = bao.call("POST", "identity/mfa/method/totp", {"issuer": "test", "period": 30}).json()["data"]["method_id"]
    made = bao.call("POST", "identity/mfa/method/totp/admin-generate", {"method_id": method, "entity_id": entity})
    secret = parse_qs(urlsplit(made.json()["data"]["url"]).query)["secret"][0]
    answer = bao.call("POST", "identity/mfa/login-enforcement/arvados",
                      {"mfa_method_ids": [method], "auth_method_accessors": [accessor]})
    assert answer.status_code == 204, answer.text
    asked = mount.login(container.token).json()["auth"]
    assert not asked["client_token"]
    proof = {"mfa_request_id": asked["mfa_requirement"]["mfa_request_id"], "mfa_payload": {method: [totp(secret)]}}
    given = bao.call("POST", "sys/mfa/validate", proof, token="")
    assert given.status_code == 200, given.text
    assert given.json()["auth"]["policies"] == ["arvados-read", "default"]
    assert bao.call("POST", "auth/token/renew-self", {}, token=given.json()["auth"]["client_token"]).status_code == 200


# ---- identity ----

def test_one_templated_policy_gives_each_user_his_own_subtree(mount):
    sim, bao = mount.sim, mount.bao
    bao.call("POST", "sys/mounts/own", {"type": "kv"})
    accessor = bao.call("GET", "sys/auth").json()["data"][f"{mount.path}/"]["accessor"]
    rules = (Path(__file__).resolve().parents[2] / "docs/examples/own-subtree.hcl").read_text()
    bao.call("POST", "sys/policies/acl/arvados-own", {"policy": rules.replace("ACCESSOR", accessor)
                                                      .replace("secret/data/users/", "own/")})
    tokens = {}
    for user in ("active", "spectator"):
        sim.grant("arvados-own", user)
        bao.call("POST", f"own/{sim.user(user)}/key", {"value": user})
        tokens[user] = mount.logged_in(sim.run_container(user).token)["auth"]["client_token"]
    for user, token in tokens.items():
        for owner in tokens:
            answer = read(mount, token, f"own/{sim.user(owner)}/key")
            assert answer.status_code == (200 if owner == user else 403), (user, owner, answer.text)


def test_all_of_a_users_containers_are_one_entity_with_facts_of_the_user_only(granted):
    mount, container = granted
    other = mount.sim.run_container("active")
    one, two = mount.logged_in(container.token)["auth"], mount.logged_in(other.token)["auth"]
    assert one["entity_id"] == two["entity_id"]
    assert one["metadata"]["container_uuid"] != two["metadata"]["container_uuid"]
    entity = mount.bao.call("GET", f"identity/entity/id/{one['entity_id']}").json()["data"]
    assert entity["aliases"][0]["metadata"] == {"user_uuid": container.user_uuid, "cluster_id": "zzzzz"}


def test_a_user_is_cut_off_at_once_by_his_entity_and_his_tokens(secret):
    """The recipe of docs/guides/grants.md, step by step."""
    mount, container = secret
    auth = mount.logged_in(container.token)["auth"]
    mount.bao.call("POST", f"identity/entity/id/{auth['entity_id']}", {"disabled": True})
    assert read(mount, auth["client_token"], "kv/shared/db").status_code == 403
    assert mount.login(container.token).status_code == 403
    mount.bao.call("POST", "auth/token/revoke-accessor", {"accessor": auth["accessor"]})
    mount.bao.call("POST", f"identity/entity/id/{auth['entity_id']}", {"disabled": False})
    assert read(mount, auth["client_token"], "kv/shared/db").status_code == 403
    assert mount.login(container.token).status_code == 200


# ---- stock clients ----

AGENT = """
pid_file = "{dir}/agent.pid"
vault {{ address = "{address}" ca_cert = "{ca}" }}
auto_auth {{
  method {{
    type = "kubernetes"
    mount_path = "auth/{mount}"
    config = {{ role = "ci" token_path = "{dir}/run-token" }}
  }}
  sink "file" {{ config = {{ path = "{dir}/vault-token" }} }}
}}
"""


def test_the_stock_agent_logs_in_with_a_token_file(secret, tmp_path):
    mount, container = secret
    make_role(mount, "ci")
    (tmp_path / "run-token").write_text(container.token + "\n")
    (tmp_path / "agent.hcl").write_text(AGENT.format(dir=tmp_path, address=mount.bao.address, ca=mount.bao.ca,
                                                     mount=mount.path))
    with open(tmp_path / "agent.log", "wb") as log:
        agent = subprocess.Popen([bao_path(), "agent", f"-config={tmp_path}/agent.hcl"], stdout=log, stderr=log,
                                 env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, start_new_session=True)
    try:
        sink = tmp_path / "vault-token"
        wait_until(lambda: sink.exists() and sink.read_text(), "the agent's token")
        assert read(mount, sink.read_text(), "kv/shared/db").status_code == 200
    finally:
        agent.terminate()
        agent.wait(20)


def test_hvac_logs_in_and_renews(secret):
    mount, container = secret
    client = mount.bao.client("")
    auth = client.auth.kubernetes.login(role="", jwt=container.token, use_token=True, mount_point=mount.path)["auth"]
    assert client.is_authenticated() and auth["policies"] == ["arvados-read", "default"]
    assert client.read("kv/shared/db")["data"]["password"] == "geheim"
    assert client.auth.token.renew_self()["auth"]["lease_duration"] == 900


# ---- federation ----

def test_a_satellite_of_a_login_cluster(own_bao, sim):
    """There users are the login cluster's, and container tokens the satellite's own."""
    mount = make_mount(own_bao, sim)
    foreign = "zbbbb-tpzed-xurymjxw79nv3jz"
    container = sim.run_container("active")
    sim.rename(container.user_uuid, foreign)
    sim.grant("arvados-read", foreign)
    mount.configure()
    answer = mount.login(container.token)
    assert answer.status_code == 403 and mount.reason(answer) == "cluster_not_allowed"
    mount.configure(allowed_user_clusters=["zzzzz", "zbbbb"])
    auth = mount.logged_in(container.token)["auth"]
    assert auth["metadata"]["user_uuid"] == foreign and auth["metadata"]["cluster_id"] == "zzzzz"
    # On a satellite a plain user list would go to the login cluster, which does not know our token.
    sim.log.clear()
    assert mount.renew(auth["client_token"]).status_code == 200
    asked = sim.log.entries("/arvados/v1/users")
    assert asked and {entry.params()["bypass_federation"] for entry in asked} == {"true"}


def test_a_token_of_another_cluster_is_asked_about_only_where_that_cluster_is_allowed(mount):
    foreign = "v2/zbbbb-gj3su-077z32aux8dg2s1/3kg6k6lzmp9kj5cpkcoxie963cmvjahbt2fod9zru30k1jqdmi"
    mount.sim.log.clear()
    answer = mount.login(foreign)
    assert answer.status_code == 403 and mount.reason(answer) == "cluster_not_allowed"
    assert mount.sim.log.count() == 0
    mount.configure(allowed_token_clusters=["zzzzz", "zbbbb"])
    mount.sim.log.clear()
    assert mount.reason(mount.login(foreign)) == "token_rejected"
    assert mount.sim.log.count("/arvados/v1/containers/current") > 0


def test_a_field_that_is_wrong_is_named_through_every_door(mount):
    """bao, with its texts for everything, says the same as the API."""
    answer = mount.bao.cli("write", f"auth/{mount.path}/config", "cache_ttl=2h")
    assert answer.returncode == 2 and "between 0 and 3600 seconds" in answer.stderr
    api = mount.write_config(cache_ttl="2h")
    assert api.status_code == 400 and "between 0 and 3600 seconds" in errors(api)
    answer = mount.bao.cli("write", f"auth/{mount.path}/config", "prefixes_by_owner=zzzzz-tpzed-000000000000000=arvados-lab-")
    assert answer.returncode == 0, answer.stderr
    assert mount.read_config()["prefixes_by_owner"] == {"zzzzz-tpzed-000000000000000": "arvados-lab-"}
