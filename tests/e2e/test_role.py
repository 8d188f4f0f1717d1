"""Roles: what may be written, what a login by one gives, what it refuses, and what follows at renewal."""

from __future__ import annotations

import time

import pytest

from test_login import IMAGE, assert_denied, at, errors


def write_role(mount, name: str, **fields):
    return mount.bao.call("POST", f"auth/{mount.path}/role/{name}", fields)


def make_role(mount, name: str = "ci", **fields) -> None:
    answer = write_role(mount, name, **fields)
    assert answer.status_code in (200, 204), answer.text  # 200: with warnings


def read_role(mount, name: str = "ci") -> dict:
    answer = mount.bao.call("GET", f"auth/{mount.path}/role/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def lookup(mount, auth: dict) -> dict:
    return mount.bao.client(auth["client_token"]).auth.token.lookup_self()["data"]


# ---- writing and reading ----

DEFAULTS = {
    "container_states": ["Running"], "allow_runtime_token": False, "allow_salted": False, "salt_label": "", "allow_admins": False, "bound_user_uuids": [],
    "bound_group_uuids": [],
    "bound_container_images": [], "deny_interactive": True, "login_window": 0, "require_grant": True,
    "allowed_policy_prefixes": [], "token_ttl": 0, "token_max_ttl": 0, "token_explicit_max_ttl": 0, "token_period": 0,
    "token_policies": [], "token_no_default_policy": False, "token_num_uses": 0, "token_type": "default",
    "token_bound_cidrs": [], "token_strictly_bind_ip": False,
}


@pytest.mark.core
def test_a_role_shows_its_defaults_and_what_was_written(mount):
    make_role(mount)
    assert read_role(mount) == DEFAULTS
    make_role(mount, token_ttl="10m", token_policies="arvados-a,arvados-b", container_states=["Running", "Locked"])
    assert read_role(mount) == {**DEFAULTS, "token_ttl": 600, "token_policies": ["arvados-a", "arvados-b"],
                                "container_states": ["Running", "Locked"]}
    make_role(mount, token_ttl=60)
    assert read_role(mount)["token_policies"] == ["arvados-a", "arvados-b"]


def test_roles_are_listed_page_by_page_and_deleted(mount):
    assert mount.bao.call("LIST", f"auth/{mount.path}/role").status_code == 404
    for name in ("b", "a", "c.x", "d-1_2"):
        make_role(mount, name)

    def listed(query: str = "") -> list:
        answer = mount.bao.call("GET", f"auth/{mount.path}/role?list=true{query}")
        return answer.json()["data"]["keys"] if answer.status_code == 200 else []

    assert listed() == ["a", "b", "c.x", "d-1_2"]
    assert listed("&after=a&limit=2") == ["b", "c.x"]
    assert listed("&after=d-1_2") == []
    assert mount.bao.call("DELETE", f"auth/{mount.path}/role/b").status_code == 204
    assert listed() == ["a", "c.x", "d-1_2"]
    assert mount.bao.call("GET", f"auth/{mount.path}/role/b").status_code == 404


@pytest.mark.parametrize("name", ["-a", ".a", "a" * 129, "a%20b", "%C3%A9"])
def test_a_name_outside_the_form_is_refused(mount, name):
    assert write_role(mount, name).status_code == 400


def test_create_and_update_are_told_apart_for_the_acl(mount):
    bao = mount.bao
    bao.call("POST", "sys/policies/acl/only-create",
             {"policy": f'path "auth/{mount.path}/role/*" {{ capabilities = ["create"] }}'})
    token = bao.call("POST", "auth/token/create", {"policies": ["only-create"]}).json()["auth"]["client_token"]
    assert bao.call("POST", f"auth/{mount.path}/role/ci", {}, token=token).status_code == 204
    assert bao.call("POST", f"auth/{mount.path}/role/ci", {}, token=token).status_code == 403


@pytest.mark.parametrize("fields, words", [
    ({"bound_user_uuid": []}, "bound_user_uuid"),
    ({"bound_group_uuids": ["zzzzz-tpzed-xurymjxw79nv3jz"]}, "bound_group_uuids"),
    ({"bound_group_uuids": ["zzzzz-j7d0g-anonymouspublic"]}, "all the world"),
    ({"bound_group_uuids": ["yyyyy-j7d0g-swqu6hmi4pa7bk7"]}, "another cluster"),
    ({"allow_salted": True}, "salt_label"),
    ({"allow_salted": True, "salt_label": "vaults"}, "five"),
    ({"salt_label": "Vault"}, "five"),
    ({"allow_salted": True, "salt_label": "zzzzz"}, "cluster's own id"),
    ({"container_states": []}, "container_states"),
    ({"container_states": ["Queued"]}, "Queued"),
    ({"container_states": ["running"]}, "running"),
    ({"bound_user_uuids": ["active"]}, "bound_user_uuids"),
    ({"bound_container_images": ["arvados/jobs"]}, "bound_container_images"),
    ({"allowed_policy_prefixes": ["database-"]}, "not under the mount's prefixes"),
    ({"allowed_policy_prefixes": ["arvados"]}, "allowed_policy_prefixes"),
    ({"login_window": "-1s"}, "login_window"),
    ({"token_policies": ["root"]}, '"token_policies": "root" is a reserved name'),
    ({"token_policies": ["default"]}, "token_policies"),
    ({"token_policies": ["database-admin"]}, "token_policies"),
    ({"token_policies": ["Arvados-a"]}, "token_policies"),
    ({"token_ttl": "2h", "token_max_ttl": "1h"}, "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ({"token_type": "batch", "token_period": "1h"}, "when set to generate periodic tokens"),
    ({"token_type": "batch", "token_num_uses": 3}, "when set to generate tokens with limited use count"),
    ({"token_type": "bunch"}, "invalid 'token_type' value \"bunch\""),
    ({"token_bound_cidrs": ["10.0.0.0/33"]}, '"token_bound_cidrs": "10.0.0.0/33" is not'),
    ({"policies": ["arvados-a"]}, 'did you mean "token_policies"?'),
    ({"ttl": "1h"}, 'did you mean "token_ttl"?'),
    ({"token_bound_cidrs": ["10.0.0.0/8"], "token_strictly_bind_ip": True}, "exclude each other"),
    ({"token_num_uses": -1}, "token_num_uses"),
])
def test_what_a_role_can_not_be_is_refused_and_nothing_is_stored(mount, fields, words):
    answer = write_role(mount, "ci", **fields)
    assert answer.status_code == 400
    assert words in errors(answer)
    assert mount.bao.call("GET", f"auth/{mount.path}/role/ci").status_code == 404


@pytest.mark.parametrize("field", ["bound_user_uuids", "bound_group_uuids", "bound_container_images", "token_bound_cidrs"])
def test_a_binding_that_is_given_empty_is_warned_about(mount, field):
    """As from an unset variable of a shell: bound_group_uuids="$GROUPS"."""
    for empty in ("", []):
        answer = write_role(mount, "ci", **{field: empty})
        assert answer.status_code == 200
        assert answer.json()["warnings"] == [f'field "{field}" is empty, so it restricts nothing']
    for left_out in ({field: None}, {}):
        assert write_role(mount, "ci", **left_out).status_code == 204


# ---- which role ----

def test_as_soon_as_there_is_a_role_a_login_must_name_one(granted):
    mount, container = granted
    assert mount.login(container.token).status_code == 200
    make_role(mount)

    answer = mount.login(container.token)
    assert answer.status_code == 400 and "must name one" in errors(answer)
    unknown = mount.login(container.token, role="nobody")
    assert unknown.status_code == 400 and "nobody" in errors(unknown)
    named = mount.login(container.token, role="ci")
    assert named.status_code == 200
    assert named.json()["auth"]["metadata"]["role"] == "ci"

    mount.bao.call("DELETE", f"auth/{mount.path}/role/ci")
    assert mount.login(container.token).status_code == 200


def test_the_default_role_is_taken_when_none_is_named(granted):
    mount, container = granted
    make_role(mount, "everybody", token_ttl="5m")
    assert mount.write_config(default_role="everybody").status_code == 204
    answer = mount.logged_in(container.token)["auth"]
    assert answer["metadata"]["role"] == "everybody"
    assert answer["lease_duration"] == 300
    assert mount.write_config(default_role="No Name").status_code == 400


@pytest.mark.parametrize("name", ["../config", "CI", " ci", "ci/", "x" * 200, "ci\n"])
def test_a_role_name_that_can_not_be_is_unknown(granted, name):
    mount, container = granted
    make_role(mount)
    assert mount.login(container.token, role=name).status_code == 400


@pytest.mark.core
def test_stock_kubernetes_login_works_with_the_token_as_jwt(granted):
    mount, container = granted
    make_role(mount)
    answer = mount.bao.cli("login", "-method=kubernetes", f"-path={mount.path}", "role=ci", f"jwt={container.token}",
                           token="")
    if "Unknown auth method" in answer.stderr:
        pytest.skip("this client has no kubernetes method")
    assert answer.returncode == 0, answer.stderr
    assert "arvados-read" in answer.stdout


# ---- bindings ----

def test_locked_containers_log_in_where_a_role_says_so(mount):
    mount.sim.grant("arvados-read", "active")
    container = mount.sim.run_container("active", state="Locked")
    make_role(mount, "beside-crunch-run", container_states=["Locked", "Running"])
    make_role(mount, "running-only")
    auth = mount.login(container.token, role="beside-crunch-run").json()["auth"]
    assert auth["policies"] == ["arvados-read", "default"]
    assert_denied(mount, mount.login(container.token, role="running-only"), "container_not_running")
    mount.sim.set_state(container, "Running")
    assert mount.renew(auth["client_token"]).status_code == 200


def test_runtime_tokens_log_in_where_a_role_says_so_and_renewal_follows_the_container(mount):
    sim = mount.sim
    sim.grant("arvados-read", "active")
    runtime_token = sim.new_token("active")
    uuid = sim.make_request("active", runtime_token=runtime_token)["container_uuid"]
    sim.call("POST", f"containers/{uuid}/lock")
    sim.set_state(uuid, "Running")
    make_role(mount, allow_runtime_token=True)
    make_role(mount, "strict")

    auth = mount.login(f"{runtime_token}/{uuid}", role="ci").json()["auth"]
    assert auth["metadata"]["container_uuid"] == uuid
    assert_denied(mount, mount.login(f"{runtime_token}/{uuid}", role="strict"), "runtime_token")
    assert_denied(mount, mount.login(runtime_token, role="ci"), "not_container_token")
    assert mount.renew(auth["client_token"]).status_code == 200
    make_role(mount, allow_runtime_token=False)
    assert mount.renew(auth["client_token"]).status_code in (400, 403)
    make_role(mount, allow_runtime_token=True)
    sim.finish(uuid)
    assert mount.renew(auth["client_token"]).status_code in (400, 403)


def test_admins_log_in_where_a_role_says_so(mount):
    mount.sim.grant("arvados-read", "admin")
    container = mount.sim.run_container("admin")
    make_role(mount, allow_admins=True)
    assert mount.login(container.token, role="ci").status_code == 200


@pytest.mark.core
def test_users_are_bound(granted):
    mount, container = granted
    make_role(mount, "others", bound_user_uuids=[mount.sim.user("spectator")])
    make_role(mount, "us", bound_user_uuids=[mount.sim.user("spectator"), container.user_uuid])
    assert_denied(mount, mount.login(container.token, role="others"), "bound_mismatch:bound_user_uuids")
    assert mount.login(container.token, role="us").status_code == 200


def test_images_are_bound(granted):
    mount, container = granted
    make_role(mount, "other", bound_container_images=["00000000000000000000000000000000+1"])
    make_role(mount, "ours", bound_container_images=[IMAGE])
    assert_denied(mount, mount.login(container.token, role="other"), "bound_mismatch:bound_container_images")
    assert mount.login(container.token, role="ours").status_code == 200
    mount.sim.force(container.uuid, container_image="a name, not a hash")
    assert_denied(mount, mount.login(container.token, role="ours"), "bound_mismatch:bound_container_images")


def test_a_shell_is_let_through_where_a_role_says_so(granted):
    mount, container = granted
    mount.sim.force(container.uuid, interactive_session_started=True)
    make_role(mount, deny_interactive=False)
    make_role(mount, "strict")
    assert mount.login(container.token, role="ci").status_code == 200
    assert_denied(mount, mount.login(container.token, role="strict"), "interactive_session")


def test_the_login_window_counts_from_the_start_and_not_at_renewal(granted):
    mount, container = granted
    make_role(mount, login_window="60s")
    auth = mount.login(container.token, role="ci").json()["auth"]
    mount.sim.force(container.uuid, started_at=at(-120))
    assert_denied(mount, mount.login(container.token, role="ci"), "window_closed")
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.sim.force(container.uuid, started_at=None)
    assert_denied(mount, mount.login(container.token, role="ci"), "window_closed")


def test_addresses_are_checked_at_login_and_stamped_on_the_token(granted):
    mount, container = granted
    make_role(mount, "here", token_bound_cidrs=["127.0.0.0/8"])
    make_role(mount, "elsewhere", token_bound_cidrs=["10.0.0.0/8", "2001:db8::/32"])
    make_role(mount, "strict", token_strictly_bind_ip=True)
    before = mount.sim.log.count()
    assert_denied(mount, mount.login(container.token, role="elsewhere"), "cidr_mismatch")
    assert mount.sim.log.count() == before
    assert lookup(mount, mount.login(container.token, role="here").json()["auth"])["bound_cidrs"] == ["127.0.0.0/8"]
    (bound,) = lookup(mount, mount.login(container.token, role="strict").json()["auth"])["bound_cidrs"]
    assert bound.split("/")[0] == "127.0.0.1"


# ---- policies ----

def test_a_roles_policies_come_on_top_and_pass_the_same_checks(granted):
    mount, container = granted
    make_role(mount, token_policies=["arvados-extra", "arvados-read"])
    assert mount.login(container.token, role="ci").json()["auth"]["policies"] == ["arvados-extra", "arvados-read", "default"]

    mount.configure(allowed_policies=["arvados-read"])
    answer = mount.login(container.token, role="ci").json()
    assert answer["auth"]["policies"] == ["arvados-read", "default"]
    assert any("arvados-extra" in warning for warning in answer["warnings"])


def test_a_grant_is_required_unless_the_role_says_otherwise(mount):
    container = mount.sim.run_container("active")
    make_role(mount, "strict", token_policies=["arvados-extra"])
    make_role(mount, "loose", token_policies=["arvados-extra"], require_grant=False)
    assert_denied(mount, mount.login(container.token, role="strict"), "no_grant")
    assert mount.login(container.token, role="loose").json()["auth"]["policies"] == ["arvados-extra", "default"]


def test_a_role_narrows_the_prefixes(granted):
    mount, container = granted
    mount.sim.grant("arvados-lab-read", "active")
    make_role(mount, allowed_policy_prefixes=["arvados-lab-"])
    answer = mount.login(container.token, role="ci").json()
    assert answer["auth"]["policies"] == ["arvados-lab-read", "default"]
    assert answer["warnings"] == ["grant arvados-read dropped: outside_prefix"]


def test_the_default_policy_can_be_left_out(granted):
    mount, container = granted
    make_role(mount, token_no_default_policy=True)
    assert mount.login(container.token, role="ci").json()["auth"]["policies"] == ["arvados-read"]


# ---- what the token is like ----

def test_times_uses_and_type_are_the_roles(granted):
    mount, container = granted
    make_role(mount, "times", token_ttl="5m", token_max_ttl="10m", token_explicit_max_ttl="20m", token_num_uses=7)
    make_role(mount, "batch", token_type="batch")
    make_role(mount, "periodic", token_period="7m")

    auth = mount.login(container.token, role="times").json()["auth"]
    assert auth["lease_duration"] == 300
    token = lookup(mount, auth)
    assert token["explicit_max_ttl"] == 1200 and token["num_uses"] == 6
    batch = mount.login(container.token, role="batch").json()["auth"]
    assert batch["token_type"] == "batch" and batch["renewable"] is False and batch["lease_duration"] == 900
    periodic = mount.login(container.token, role="periodic").json()["auth"]
    assert periodic["lease_duration"] == 420 and lookup(mount, periodic)["period"] == 420


def test_a_roles_times_never_reach_beyond_the_arvados_token(granted):
    mount, container = granted
    mount.sim.force(container.token_uuid, expires_at=at(200))
    make_role(mount, "long", token_ttl="1h", token_max_ttl="2h", token_explicit_max_ttl="3h")
    make_role(mount, "periodic", token_period="1h")
    for role in ("long", "periodic"):
        auth = mount.login(container.token, role=role).json()["auth"]
        assert 150 <= auth["lease_duration"] <= 200, role
        assert lookup(mount, auth)["explicit_max_ttl"] <= 200


# ---- renewal ----

def test_renewal_applies_the_role_as_it_is_now(granted):
    mount, container = granted
    make_role(mount, token_ttl="5m")
    auth = mount.login(container.token, role="ci").json()["auth"]
    make_role(mount, token_ttl="2m")
    assert mount.renew(auth["client_token"]).json()["auth"]["lease_duration"] == 120
    make_role(mount, bound_user_uuids=[mount.sim.user("spectator")])
    assert mount.renew(auth["client_token"]).status_code in (400, 403)
    make_role(mount, bound_user_uuids=[])
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.bao.call("DELETE", f"auth/{mount.path}/role/ci")
    answer = mount.renew(auth["client_token"])
    assert answer.status_code == 400 and "not known" in answer.text


def test_renewal_looks_at_the_roles_addresses_as_they_are_now(granted):
    """The token keeps those of its login, and the host looks at these only."""
    mount, container = granted
    make_role(mount)
    auth = mount.login(container.token, role="ci").json()["auth"]
    make_role(mount, token_bound_cidrs=["10.9.8.7"])
    assert mount.login(container.token, role="ci").status_code == 403
    assert mount.renew(auth["client_token"]).status_code in (400, 403)
    make_role(mount, token_bound_cidrs=["127.0.0.1"])
    assert mount.renew(auth["client_token"]).status_code == 200


def test_a_policy_that_left_the_role_ends_renewal(granted):
    mount, container = granted
    make_role(mount, token_policies=["arvados-extra"])
    auth = mount.login(container.token, role="ci").json()["auth"]
    assert mount.renew(auth["client_token"]).status_code == 200
    make_role(mount, token_policies=[])
    assert mount.renew(auth["client_token"]).status_code in (400, 403)


def test_a_token_without_a_role_does_not_escape_roles_made_later(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    make_role(mount, "other")
    assert mount.renew(auth["client_token"]).status_code == 400


def test_a_periodic_token_is_renewed_by_its_period_only(granted):
    mount, container = granted
    make_role(mount, token_period="2m")
    auth = mount.login(container.token, role="ci").json()["auth"]
    assert mount.renew(auth["client_token"], increment="5h").json()["auth"]["lease_duration"] <= 120


def test_renewals_end_at_the_roles_maximum(granted):
    mount, container = granted
    make_role(mount, token_ttl="3s", token_max_ttl="4s")
    auth = mount.login(container.token, role="ci").json()["auth"]
    time.sleep(2)
    assert mount.renew(auth["client_token"]).json()["auth"]["lease_duration"] <= 2
