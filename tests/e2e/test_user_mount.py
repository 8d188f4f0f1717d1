"""login_kind=user: a mount of its own for people who write secrets."""

from __future__ import annotations

import pytest

from simulator import faults
from test_explain import explained
from test_login import at, errors
from test_role import make_role


@pytest.fixture
def people(bare_mount):
    """A mount for people where `active` was granted arvados-write."""
    bare_mount.configure(login_kind="user")
    bare_mount.sim.grant("arvados-write", "active")
    return bare_mount


def refused(mount, token: str, **fields) -> str:
    answer = mount.login(token, **fields)
    assert answer.status_code == 403, answer.text
    return mount.reason(answer)


@pytest.mark.core
def test_a_user_logs_in_with_his_own_token(people):
    auth = people.logged_in(people.sim.active_token)["auth"]
    assert auth["policies"] == ["arvados-write", "default"]
    assert auth["renewable"] is False and auth["lease_duration"] == 900
    metadata = auth["metadata"]
    assert metadata["user_uuid"] == people.sim.user("active") and metadata["username"] == "active"
    assert "container_uuid" not in metadata and "container_image" not in metadata


def test_he_is_the_same_entity_as_on_a_mount_for_containers_by_name(people):
    auth = people.logged_in(people.sim.active_token)["auth"]
    entity = people.bao.call("GET", f"identity/entity/id/{auth['entity_id']}").json()["data"]
    assert [alias["name"] for alias in entity["aliases"]] == [people.sim.user("active")]


def test_such_a_token_is_not_renewed(people):
    auth = people.logged_in(people.sim.active_token)["auth"]
    answer = people.renew(auth["client_token"])
    assert answer.status_code == 400 and "not renewable" in errors(answer)


@pytest.mark.parametrize("state", ["Running", "Locked"])
@pytest.mark.parametrize("form", ["token", "v2"])
def test_a_containers_token_is_refused_in_every_form(people, state, form):
    container = people.sim.run_container("active", state=state)
    assert refused(people, getattr(container, form)) == "not_user_token"


ROUTED = "request failed: https://zzzzz.example/arvados/v1/containers/current: 404 Not Found: Path not found (req-0123456789abcdefghij)"


@pytest.mark.parametrize("answer", [faults.html(404), faults.error(404, "Path not found"), faults.reply(404), faults.error(404, ROUTED)],
                         ids=["proxy", "path", "empty", "routed"])
def test_that_there_is_no_container_must_be_said_by_arvados_itself(people, answer):
    """A container's token, shortened: what tells it from a person's is the 404 alone."""
    container = people.sim.run_container("active")
    with people.sim.faults.add("/arvados/v1/containers/current", answer, times=None):
        for token in (container.v2, people.sim.active_token):
            refusal = people.login(token)
            assert refusal.status_code == 502, refusal.text
            assert people.reason(refusal) == "upstream_bad_answer"
    assert people.login(people.sim.active_token).status_code == 200


def test_tokens_of_other_clusters_have_no_place_on_a_user_mount(people):
    answer = people.write_config(allowed_token_clusters=["zzzzz", "yyyyy"])
    assert answer.status_code == 400 and '"allowed_token_clusters": "yyyyy"' in errors(answer)
    assert people.write_config(allowed_token_clusters=["zzzzz"]).status_code == 204


def test_a_token_with_a_container_behind_it_is_refused_before_a_byte_leaves(people):
    people.sim.log.clear()
    assert refused(people, f"{people.sim.active_token}/zzzzz-dz642-000000000000000") == "not_user_token"
    assert people.sim.log.count() == 0


def test_a_containers_mount_refuses_a_users_token(mount):
    mount.sim.grant("arvados-write", "active")
    assert refused(mount, mount.sim.active_token) == "not_container_token"


@pytest.mark.parametrize("token, reason", [
    ("admin", "user_forbidden"), ("inactive", "user_inactive"), ("anonymous", "token_scope"),
    ("system_user", "user_forbidden"), ("expired", "token_rejected"), ("active_noscope", "token_scope"),
    ("active_readonly", "token_scope"), ("foo_collection_sharing_token", "token_scope"), ("spectator", "no_grant"),
])
def test_who_may_not(people, token, reason):
    people.sim.grant("arvados-write", "admin")
    assert refused(people, people.sim.token(token)) == reason


def test_admins_log_in_where_a_role_lets_them(people):
    people.sim.grant("arvados-write", "admin")
    make_role(people, "ops", allow_admins=True)
    assert people.login(people.sim.admin_token, role="ops").status_code == 200


def test_what_a_role_says_of_containers_does_not_apply(people):
    make_role(people, "people", login_window="1s", container_states=["Locked"],
              bound_container_images=["fa3c1a9cb6783f85f2ecda037e07b8c3+167"])
    assert people.login(people.sim.active_token, role="people").status_code == 200


def test_a_grant_bound_to_an_image_does_not_count(people):
    people.sim.grant("arvados-image", "active",
                     properties={"container_image": "fa3c1a9cb6783f85f2ecda037e07b8c3+167"})
    answer = people.logged_in(people.sim.active_token)
    assert answer["auth"]["policies"] == ["arvados-write", "default"]
    assert answer["warnings"] == ["grant arvados-image dropped: wrong_image"]


def test_the_token_lives_no_longer_than_the_users(people):
    token = people.sim.new_token("active", expires_at=at(120))
    assert 60 < people.logged_in(token)["auth"]["lease_duration"] <= 120


def test_bindings_to_users_and_groups_hold(people):
    sim = people.sim
    make_role(people, "other", bound_user_uuids=[sim.user("spectator")])
    make_role(people, "group", bound_group_uuids=[sim.new_role("empty")["uuid"]])
    assert refused(people, sim.active_token, role="other") == "bound_mismatch:bound_user_uuids"
    assert refused(people, sim.active_token, role="group") == "bound_mismatch:bound_group_uuids"


@pytest.mark.parametrize("action, status, reason", [
    (faults.overload(), 503, "upstream_busy"), (faults.error(500, "boom"), 503, "upstream_error"),
    (faults.reply(200, b"null"), 502, "upstream_bad_answer"), (faults.reply(200, b"{}"), 502, "upstream_bad_answer"),
    (faults.error(403, "Forbidden"), 403, "token_scope"), (faults.error(410, "Gone"), 502, "upstream_bad_answer"),
], ids=lambda value: getattr(value, "name", None) or str(value))
def test_whether_it_is_a_containers_token_must_be_answered(people, action, status, reason):
    with people.sim.faults.add("/arvados/v1/containers/current", action, times=None):
        answer = people.login(people.sim.active_token)
    assert (answer.status_code, people.reason(answer)) == (status, reason)


def test_explain_tells_the_same(people):
    told = explained(people, token=people.sim.active_token)
    assert told["outcome"] == "granted" and told["container_uuid"] is None
    container = people.sim.run_container("active")
    assert explained(people, token=container.token)["reason"] == "not_user_token"
    answer = people.bao.call("POST", f"auth/{people.path}/explain", {"container_uuid": container.uuid})
    assert answer.status_code == 400 and "user mount" in errors(answer)


def test_a_mount_that_was_turned_over_serves_no_old_token(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    mount.configure(login_kind="user")
    answer = mount.renew(auth["client_token"])
    assert answer.status_code in (400, 403), answer.text


def test_without_a_service_token_too(bare_mount):
    project = bare_mount.sim.new_project("vault grants")["uuid"]
    bare_mount.sim.add_member(project, bare_mount.sim.all_users)
    bare_mount.configure(login_kind="user", service_token=None, trusted_link_owners=[project])
    bare_mount.sim.grant("arvados-write", "active", owner=project)
    auth = bare_mount.logged_in(bare_mount.sim.active_token)["auth"]
    assert auth["policies"] == ["arvados-write", "default"] and auth["renewable"] is False
