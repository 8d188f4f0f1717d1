"""config/check: one verdict a line, each with what to do."""

from __future__ import annotations

import pytest

from simulator import faults
from test_login import at

NAMES = ["reach", "tls", "cluster", "version", "service_token", "scopes", "service_token_expiry", "trusted_owners",
         "group_grants", "everybody", "roles", "logins"]


def checked(mount) -> tuple[bool, dict]:
    answer = mount.bao.call("GET", f"auth/{mount.path}/config/check")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert [check["name"] for check in data["checks"]] == NAMES
    assert all(check["detail"] for check in data["checks"])
    assert data["summary"] == [f"{'ok  ' if c['ok'] else 'BAD '} {c['name']}: {c['detail']}" for c in data["checks"]]
    return data["ok"], {check["name"]: check for check in data["checks"]}


def wrong(mount) -> dict:
    """What is not ok, name to detail."""
    ok, checks = checked(mount)
    bad = {name: check["detail"] for name, check in checks.items() if not check["ok"]}
    assert ok == (not bad)
    return bad


def test_a_good_set_up_is_good_in_every_line(mount):
    assert wrong(mount) == {}
    _, checks = checked(mount)
    assert "3.2.1" in checks["version"]["detail"]
    assert mount.sim.admin_token.split("/")[1] in checks["service_token"]["detail"]


def test_it_grants_and_changes_nothing(granted):
    mount, _ = granted
    before = mount.read_config()
    checked(mount)
    assert mount.read_config() == before
    assert {entry.method for entry in mount.sim.log.entries()} == {"GET"}


def test_an_unconfigured_mount_says_so(bare_mount):
    answer = bare_mount.bao.call("GET", f"auth/{bare_mount.path}/config/check")
    assert answer.status_code == 400 and "not configured" in answer.text


def test_a_server_that_is_down_fails_the_first_line_and_the_rest_is_not_asked(mount):
    mount.sim.stop()
    bad = wrong(mount)
    assert "upstream_unreachable" in bad["reach"]
    assert bad["tls"] == "not checked: the server does not answer"
    assert all(detail.startswith("not asked") for name, detail in bad.items() if name not in ("reach", "tls"))


def test_a_server_whose_rails_is_down_has_a_good_certificate(mount):
    with mount.sim.faults.add("/*", faults.error(502, "dial tcp: connection refused"), times=None):
        bad = wrong(mount)
    assert "upstream_error" in bad["reach"] and "tls" not in bad


def test_a_certificate_that_does_not_fit_is_told_apart_from_a_server_that_is_down(mount):
    mount.sim.reopen(tls="wrong-name")
    bad = wrong(mount)
    assert "reach" not in bad and "upstream_tls" in bad["tls"]


def test_another_cluster_and_an_old_version_are_told(mount):
    def old(document):
        return {**document, "uuidPrefix": "yyyyy", "revision": "20230101", "packageVersion": "2.6.0",
                "resources": {name: r for name, r in document["resources"].items() if name != "computed_permissions"}}

    mount.sim.faults.add("/discovery/*", faults.mutate(old), times=None)
    bad = wrong(mount)
    assert "yyyyy" in bad["cluster"]
    assert "2.7" in bad["version"]
    assert "computed_permissions" in bad["group_grants"]


@pytest.mark.parametrize("scopes", [["GET /arvados/v1/users"], ["GET /arvados/v1/links", "GET /arvados/v1/users"],
                                    ["GET /arvados/v1/links", "GET /arvados/v1/containers"]])
def test_a_service_token_with_too_narrow_scopes_is_told(mount, scopes):
    token = mount.sim.new_token("admin", scopes=scopes)
    answer = mount.write_config(service_token=token)
    assert answer.status_code == 400 and answer.json()["errors"][0].startswith('field "service_token": ')
    assert "too narrow" in answer.text
    assert mount.write_config(service_token=token, verify_connection=False).status_code == 204
    assert "too narrow" in wrong(mount)["scopes"]


@pytest.mark.parametrize("missing", ["groups", "computed_permissions"])
def test_a_service_token_that_can_not_ask_who_is_in_a_role_is_told(mount, missing):
    scopes = [f"GET /arvados/v1/{path}" for path in ("links", "users", "containers", "groups", "computed_permissions")
              if path != missing]
    token = mount.sim.new_token("admin", scopes=scopes)
    answer = mount.write_config(service_token=token)
    assert answer.status_code == 400 and "too narrow" in answer.text
    mount.configure(service_token=token, verify_connection=False, cluster_id="zzzzz")
    bad = wrong(mount)
    assert list(bad) == ["group_grants"] and f"{missing}: status 403" in bad["group_grants"]


def test_a_service_token_of_an_ordinary_user_is_told(mount):
    answer = mount.write_config(service_token=mount.sim.active_token)
    assert answer.status_code == 400 and "rights are too narrow" in answer.text
    assert mount.write_config(service_token=mount.sim.active_token, verify_connection=False).status_code == 204
    assert "rights are too narrow" in wrong(mount)["scopes"]


def test_a_service_token_that_can_do_everything_is_remarked_on(mount):
    answer = mount.write_config(service_token=mount.sim.admin_token)
    assert answer.status_code == 200 and 'has the scopes ["all"]' in answer.json()["warnings"][0]
    _, checks = checked(mount)
    assert checks["scopes"]["ok"] and '["all"]' in checks["scopes"]["detail"]
    scopes = [f"GET /arvados/v1/{name}" for name in ("links", "users", "containers", "groups", "computed_permissions")]
    assert mount.write_config(service_token=mount.sim.new_token("admin", scopes=scopes)).status_code == 204
    _, checks = checked(mount)
    assert "all" not in checks["scopes"]["detail"]


def test_roles_without_a_binding_and_a_default_role_that_is_missing_are_told(mount):
    _, checks = checked(mount)
    assert checks["roles"]["detail"] == "no roles"
    assert mount.bao.call("POST", f"auth/{mount.path}/role/open", {}).status_code == 204
    bound = {"bound_user_uuids": [mount.sim.user("active")]}
    assert mount.bao.call("POST", f"auth/{mount.path}/role/bound", bound).status_code == 204
    _, checks = checked(mount)
    assert checks["roles"]["ok"] and checks["roles"]["detail"] == "2; without any binding: open"
    answer = mount.write_config(default_role="missing")
    assert answer.status_code == 200 and '"missing"' in answer.json()["warnings"][0]
    assert "missing" in wrong(mount)["roles"]
    assert mount.write_config(default_role="open").status_code == 204
    assert wrong(mount) == {}


def test_a_service_token_that_died_or_soon_will_is_told(mount):
    uuid = mount.sim.admin_token.split("/")[1]
    mount.sim.force(uuid, expires_at=at(3600))
    assert "write a new one" in wrong(mount)["service_token_expiry"]
    mount.sim.force(uuid, expires_at=at(90 * 24 * 3600))
    assert wrong(mount) == {}
    mount.sim.force(uuid, expires_at=at(-60))
    bad = wrong(mount)
    assert "service_token" in bad["service_token"]
    assert {"service_token", "scopes", "service_token_expiry"} <= set(bad)


def test_trusted_owners_that_are_no_projects_are_told(mount):
    project = mount.sim.new_project("vault grants")["uuid"]
    role = mount.sim.new_role("a role")["uuid"]
    assert mount.write_config(trusted_link_owners=[mount.sim.system_user, project]).status_code == 204
    assert wrong(mount) == {}
    for owner in (role, "zzzzz-j7d0g-000000000000009"):
        assert mount.write_config(trusted_link_owners=[project, owner]).status_code == 204
        assert owner in wrong(mount)["trusted_owners"]


def test_grants_to_everybody_are_told(mount):
    mount.sim.grant("arvados-read", mount.sim.all_users)
    assert wrong(mount) == {}
    _, checks = checked(mount)
    assert checks["everybody"]["detail"].startswith("1 grants")


def test_without_a_service_token_what_needs_one_is_not_looked_at(bare_mount):
    project = bare_mount.sim.new_project("vault grants")["uuid"]
    bare_mount.configure(service_token=None, trusted_link_owners=[project])
    assert wrong(bare_mount) == {}


def test_no_token_stands_in_the_answer(mount):
    answer = mount.bao.call("GET", f"auth/{mount.path}/config/check")
    assert mount.sim.admin_token.split("/")[2] not in answer.text


def test_it_needs_a_token_of_its_own(mount):
    assert mount.bao.call("GET", f"auth/{mount.path}/config/check", token="").status_code == 403
