"""Salted logins: Vault gets a token that proves its container and that nobody can use for anything else."""

from __future__ import annotations

import pytest

from simulator import faults
from test_groups import refused
from test_renew import assert_refused
from test_role import make_role

CONTAINERS = "/arvados/v1/containers"


@pytest.fixture
def salting(granted):
    """A mount with a role that takes tokens salted with `vault`."""
    mount, container = granted
    make_role(mount, "salted", allow_salted=True, salt_label="vault")
    make_role(mount, "plain")
    return mount, container, mount.sim.salted(container.token, "vault")


def test_a_salted_token_logs_in_and_renews(salting):
    mount, container, salted = salting
    assert salted != container.token and len(salted.split("/")[2]) == 40
    auth = mount.login(salted, role="salted").json()["auth"]
    assert auth["policies"] == ["arvados-read", "default"]
    assert auth["metadata"]["container_uuid"] == container.uuid
    assert auth["metadata"]["user_uuid"] == container.user_uuid
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.sim.finish(container)
    assert_refused(mount, auth)


def test_it_costs_one_round_and_its_container_is_asked_for_with_the_service_token(salting):
    mount, container, salted = salting
    mount.sim.log.clear()
    assert mount.login(salted, role="salted").status_code == 200
    (asked,) = mount.sim.log.entries(CONTAINERS)
    assert asked.token == mount.sim.admin_token
    for path in ("users/current", "api_client_authorizations/current"):
        (entry,) = mount.sim.log.entries(f"/arvados/v1/{path}")
        assert entry.token == salted and entry.params()["remote"] == "vault"
    assert mount.sim.log.tokens_in_urls() == []


def test_while_the_database_is_away_nobody_is_blamed(salting):
    """Arvados refuses all tokens then, the service token too."""
    mount, container, salted = salting
    with mount.sim.faults.add("/arvados/v1/*", faults.database_down(), times=None):
        answers = [mount.login(salted, role="salted"), mount.login(container.token, role="plain")]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert {mount.reason(answer) for answer in answers} == {"upstream_error"}


def test_the_three_part_form_works_too(salting):
    mount, _, salted = salting
    assert mount.login("/".join(salted.split("/")[:3]), role="salted").status_code == 200


def test_the_usable_token_still_works_by_that_role(salting):
    mount, container, _ = salting
    assert mount.login(container.token, role="salted").status_code == 200


def test_nobody_can_use_it_for_anything_else(salting):
    mount, _, salted = salting
    for path in ("users/current", "containers/current", "links"):
        assert mount.sim.try_call("GET", path, token=salted).status == 401


def test_a_role_that_does_not_say_so_takes_none(salting):
    mount, _, salted = salting
    assert refused(mount, Bare(salted), role="plain") == "token_rejected"


@pytest.mark.parametrize("label", ["other", "zzzzz"])
def test_another_label_is_no_use(salting, label):
    mount, container, _ = salting
    assert refused(mount, Bare(mount.sim.salted(container.token, label)), role="salted") == "token_rejected"


class Bare:
    """Something with a token, as the helpers want it."""

    def __init__(self, token: str) -> None:
        self.token = token


@pytest.mark.parametrize("change, reason", [
    (lambda sim, c: sim.finish(c), "token_rejected"),
    (lambda sim, c: sim.force(c.uuid, state="Complete"), "token_rejected"),
    (lambda sim, c: sim.force(c.uuid, state="Queued"), "token_rejected"),
    (lambda sim, c: sim.force(c.uuid, interactive_session_started=True), "interactive_session"),
    (lambda sim, c: sim.force(c.user_uuid, is_active=False), "user_inactive"),
    (lambda sim, c: sim.force(c.token_uuid, scopes=["GET /arvados/v1/users/current"]), "token_scope"),
])
def test_the_same_must_hold_as_for_a_usable_token(salting, change, reason):
    mount, container, salted = salting
    change(mount.sim, container)
    assert refused(mount, Bare(salted), role="salted") == reason


@pytest.mark.parametrize("state", ["Complete", "Cancelled", "Queued", "Locked"])
def test_the_state_is_looked_at_where_the_token_names_no_container(salting, state):
    mount, container, salted = salting
    mount.sim.force(container.uuid, state=state)
    assert refused(mount, Bare("/".join(salted.split("/")[:3])), role="salted") == "container_not_running"


def test_a_users_own_token_salted_is_no_containers(salting):
    mount, _, _ = salting
    token = mount.sim.salted(mount.sim.active_token, "vault")
    assert refused(mount, Bare(token), role="salted") == "not_container_token"


def test_a_container_behind_the_token_must_be_its_own(salting):
    mount, _, salted = salting
    other = mount.sim.run_container("active")
    stem = "/".join(salted.split("/")[:3])
    assert refused(mount, Bare(f"{stem}/{other.uuid}"), role="salted") == "token_rejected"
    assert refused(mount, Bare(f"{stem}/zzzzz-dz642-000000000000000"), role="salted") == "not_container_token"


def test_a_runtime_token_can_not_be_salted(salting):
    mount, _, _ = salting
    make_role(mount, "salted", allow_salted=True, salt_label="vault", allow_runtime_token=True)
    mine = mount.sim.new_token("active")
    container = mount.sim.run_container("active", runtime_token=mine)
    token = mount.sim.salted(f"{mine}/{container.uuid}", "vault")
    assert mount.login(token, role="salted").status_code == 403


@pytest.mark.parametrize("change, status", [
    (lambda body: {**body, "items": body["items"] * 2}, 502),
    (lambda body: {**body, "items": [{**body["items"][0], "auth_uuid": "zzzzz-gj3su-000000000000009"}]}, 502),
    (lambda body: {**body, "items": [{**body["items"][0], "auth_uuid": None}]}, 502),
    (lambda body: {**body, "items": [{**body["items"][0], "runtime_user_uuid": "zzzzz-tpzed-l1s2piq4t4mps8r"}]}, 403),
    (lambda body: {**body, "items": []}, 403),
], ids=["two", "another token's", "nobody's", "another user's", "none"])
def test_a_container_list_that_is_not_about_this_token_grants_nothing(salting, change, status):
    mount, _, salted = salting
    with mount.sim.faults.add(CONTAINERS, faults.mutate(change), times=None):
        assert mount.login(salted, role="salted").status_code == status


def test_without_a_service_token_nobody_can_ask_for_the_container(bare_mount):
    mount = bare_mount
    project = mount.sim.new_project("vault grants")["uuid"]
    mount.sim.add_member(project, mount.sim.all_users)
    mount.configure(service_token=None, trusted_link_owners=[project])
    mount.sim.grant("arvados-read", "active", owner=project)
    written = mount.bao.call("POST", f"auth/{mount.path}/role/salted", {"allow_salted": True, "salt_label": "vault"})
    assert written.status_code == 200 and "need a service_token" in written.json()["warnings"][0]
    container = mount.sim.run_container("active")
    answer = mount.login(mount.sim.salted(container.token, "vault"), role="salted")
    assert answer.status_code == 400 and "service token" in answer.text
    assert mount.login(container.token, role="salted").status_code == 200


def test_a_label_that_became_the_clusters_id_opens_nothing(bare_mount):
    """A role may be written before the mount is configured."""
    mount = bare_mount
    make_role(mount, "salted", allow_salted=True, salt_label="zzzzz")
    mount.configure()
    mount.sim.grant("arvados-read", "active")
    container = mount.sim.run_container("active")
    mount.sim.log.clear()
    mount.login(mount.sim.salted(container.token, "zzzzz"), role="salted")
    assert mount.sim.log.count(CONTAINERS) == 0  # as an unsalted one: Arvados takes it everywhere
