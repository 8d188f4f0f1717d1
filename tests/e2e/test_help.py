"""Path help and the API document, as the host shows them."""

from __future__ import annotations

import pytest

from conftest import make_mount


@pytest.mark.parametrize("path, words", [
    ("login", ["run token", "token (string", "sensitive", "jwt"]),
    ("config", ["arvados_api_host", "required", "allowed_policy_prefixes", "default vault_policy"]),
    ("version", ["discovery document"]),
    ("version/client-only", ["without asking Arvados"]),
    ("", ["Arvados containers log in", "login", "config", "version"]),
])
def test_path_help_tells_what_a_path_is_for(bare_mount, path, words):
    answer = bare_mount.bao.cli("path-help", f"auth/{bare_mount.path}/{path}")
    assert answer.returncode == 0, answer.stderr
    for word in words:
        assert word in answer.stdout


def test_the_api_document_has_every_path_with_its_types(own_bao, sim):
    mount = make_mount(own_bao, sim)
    document = own_bao.call("GET", "sys/internal/specs/openapi").json()
    ours = {path: item for path, item in document["paths"].items() if path.startswith(f"/auth/{mount.path}/")}
    names = {path.removeprefix(f"/auth/{mount.path}/") for path in ours}
    assert {"login", "config", "version", "version/client-only"} <= names

    login = ours[f"/auth/{mount.path}/login"]
    assert login["x-vault-unauthenticated"] is True
    schema = login["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["token"]
    assert schema["properties"]["token"]["x-vault-displayAttrs"]["sensitive"] is True
    listed = {parameter["name"]: parameter for parameter in ours[f"/auth/{mount.path}/role/"]["get"]["parameters"]}
    assert set(listed) == {"list", "after", "limit"} and listed["limit"]["schema"]["type"] == "integer"
    config = ours[f"/auth/{mount.path}/config"]
    properties = config["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert properties["allowed_policy_prefixes"]["type"] == "array"
    assert properties["max_policies"]["type"] == "integer"
    assert properties["cache_ttl"] == {**properties["cache_ttl"], "type": "integer", "format": "seconds", "default": 10}
    assert properties["prefixes_by_owner"]["type"] == "object"


@pytest.mark.parametrize("method, path, status", [
    ("GET", "login", 405), ("DELETE", "login", 405), ("LIST", "config", 405), ("PATCH", "config", 405),
    ("POST", "version", 405), ("GET", "nothing/here", 404), ("POST", "nothing", 404),
])
def test_operations_and_paths_that_do_not_exist_are_refused(bare_mount, method, path, status):
    headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
    import requests
    answer = requests.request(method, f"{bare_mount.bao.address}/v1/auth/{bare_mount.path}/{path}", json={},
                              headers={"X-Vault-Token": bare_mount.bao.root_token, **headers},
                              verify=bare_mount.bao.ca, timeout=30)
    assert answer.status_code == status, answer.text


@pytest.mark.core
def test_strangers_reach_nothing_but_the_login(mount):
    for method, path in [("GET", "config"), ("POST", "config"), ("DELETE", "config"), ("GET", "version"),
                         ("GET", "version/client-only")]:
        answer = mount.bao.call(method, f"auth/{mount.path}/{path}", {}, token="")
        assert answer.status_code == 403, (method, path, answer.text)
