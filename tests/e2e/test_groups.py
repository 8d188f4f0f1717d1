"""Grants to roles: who is in them, and what that gives, binds and tells Vault."""

from __future__ import annotations

import pytest

from host import new_name
from simulator import Simulator, faults
from test_explain import explained
from test_login import errors
from test_renew import assert_refused
from test_role import make_role

MEMBERSHIPS = "/arvados/v1/computed_permissions"


@pytest.fixture
def team(mount):
    """A mount, a role that `active` is in and that was granted arvados-team, and his running container."""
    sim = mount.sim
    role = sim.new_role("team")["uuid"]
    link = sim.add_member(role, "active")
    sim.grant("arvados-team", role)
    return mount, role, link, sim.run_container("active")


def policies(mount, container, **fields) -> list[str]:
    answer = mount.login(container.token, **fields)
    assert answer.status_code == 200, answer.text
    return [name for name in answer.json()["auth"]["policies"] if name != "default"]


def refused(mount, container, **fields) -> str:
    answer = mount.login(container.token, **fields)
    assert answer.status_code == 403, answer.text
    return mount.reason(answer)


# ---- what counts ----

@pytest.mark.core
def test_a_grant_to_a_role_is_its_members(team):
    mount, _, _, container = team
    assert policies(mount, container) == ["arvados-team"]
    mount.sim.grant("arvados-own", "active")
    assert policies(mount, container) == ["arvados-own", "arvados-team"]


def test_and_nobody_elses(team):
    mount, *_ = team
    assert refused(mount, mount.sim.run_container("spectator")) == "no_grant"


@pytest.mark.parametrize("level", ["can_read", "can_write", "can_manage"])
def test_any_level_of_membership_counts(mount, level):
    role = mount.sim.new_role("team")["uuid"]
    mount.sim.add_member(role, "active", level)
    mount.sim.grant("arvados-team", role)
    assert policies(mount, mount.sim.run_container("active")) == ["arvados-team"]


def test_roles_in_roles_are_resolved(team):
    mount, role, _, container = team
    outer = mount.sim.new_role("outer")["uuid"]
    mount.sim.call("POST", "links", {"link": {"link_class": "permission", "name": "can_read", "tail_uuid": role,
                                              "head_uuid": outer}})
    mount.sim.grant("arvados-outer", outer)
    assert policies(mount, container) == ["arvados-outer", "arvados-team"]


def test_seeing_a_role_is_not_being_in_it(mount):
    """Every user sees every role; and anybody may link a role to himself, which gives the role a right on him."""
    sim = mount.sim
    role = sim.new_role("team")["uuid"]
    sim.grant("arvados-team", role)
    sim.call("POST", "links", {"link": {"link_class": "permission", "name": "can_read", "tail_uuid": role,
                                        "head_uuid": sim.user("active")}}, sim.active_token)
    assert sim.call("GET", f"groups/{role}", token=sim.active_token)["uuid"] == role
    assert refused(mount, sim.run_container("active")) == "no_grant"


def test_an_admin_is_in_no_role_for_being_one(mount):
    role = mount.sim.new_role("team")["uuid"]
    mount.sim.grant("arvados-team", role)
    make_role(mount, "ops", allow_admins=True)
    assert refused(mount, mount.sim.run_container("admin"), role="ops") == "no_grant"


def test_a_membership_that_ends_ends_the_grant_and_the_renewal(team):
    mount, _, link, container = team
    auth = mount.logged_in(container.token)["auth"]
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.sim.revoke(link)
    assert_refused(mount, auth)
    assert refused(mount, container) == "no_grant"


def test_a_role_in_the_trash_grants_nothing_and_says_so(team):
    mount, role, _, container = team
    auth = mount.logged_in(container.token)["auth"]
    mount.sim.grant("arvados-own", "active")
    mount.sim.call("DELETE", f"groups/{role}")
    # Its membership is still told until the trash is swept.
    rows = mount.sim.call("GET", "computed_permissions", filters=[["target_uuid", "=", role]])["items"]
    assert [row["user_uuid"] for row in rows if row["user_uuid"] == container.user_uuid] == [container.user_uuid]

    answer = mount.login(container.token).json()

    assert [name for name in answer["auth"]["policies"] if name != "default"] == ["arvados-own"]
    assert answer["warnings"] == ["grant arvados-team dropped: role_trashed"]
    assert_refused(mount, auth)


def test_a_project_is_no_role(mount):
    sim = mount.sim
    project = sim.new_project("shared")["uuid"]
    sim.add_member(project, "active")
    sim.grant("arvados-shared", project)
    sim.grant("arvados-own", "active")
    answer = mount.login(sim.run_container("active").token).json()
    assert answer["auth"]["policies"] == ["arvados-own", "default"]
    assert answer["warnings"] == ["grant arvados-shared dropped: role_trashed"]


def test_the_role_that_all_the_world_is_in_grants_nothing(mount):
    sim = mount.sim
    anonymous = sim.uuid("j7d0g", "anonymouspublic")
    sim.add_member(anonymous, "active")
    sim.grant("arvados-world", anonymous)
    sim.grant("arvados-own", "active")
    answer = mount.login(sim.run_container("active").token).json()
    assert answer["auth"]["policies"] == ["arvados-own", "default"]
    assert answer["warnings"] == ["grant arvados-world dropped: anonymous_role"]


def test_all_users_is_a_role_like_any_other(mount):
    mount.sim.grant("arvados-everybody", mount.sim.all_users)
    assert policies(mount, mount.sim.run_container("active")) == ["arvados-everybody"]


def test_a_group_of_another_cluster_is_not_even_asked_for(mount):
    sim = mount.sim
    sim.log.clear()
    stranger = "yyyyy-j7d0g-000000000000001"
    sim.store.strangers.add(stranger)
    sim.grant("arvados-far", stranger)
    sim.grant("arvados-own", "active")
    assert policies(mount, sim.run_container("active")) == ["arvados-own"]
    assert sim.log.count(MEMBERSHIPS) == 0


def test_many_roles_are_asked_for_piece_by_piece_in_short_urls(mount):
    sim = mount.sim
    sim.log.clear()
    roles = [sim.new_role(f"team {number}")["uuid"] for number in range(310)]
    for role in roles:
        sim.grant("arvados-team", role)
    sim.add_member(roles[0], "active")
    sim.grant("arvados-last", sorted(roles)[-1])
    sim.add_member(sorted(roles)[-1], "active")
    assert policies(mount, sim.run_container("active")) == ["arvados-last", "arvados-team"]
    asked = sim.log.entries(MEMBERSHIPS)
    assert len(asked) == 3
    assert max(len(entry.path + entry.query) for entry in asked) < 8000


def test_memberships_beyond_one_page_are_read(team):
    mount, _, _, container = team
    sim = mount.sim
    sim.log.clear()
    for number in range(5):
        role = sim.new_role(f"more {number}")["uuid"]
        sim.add_member(role, "active")
        sim.grant(f"arvados-more-{number}", role)

    def only_two(body):
        return {**body, "items": body["items"][:2], "limit": 2}

    with sim.faults.add(MEMBERSHIPS, faults.mutate(only_two), times=None):
        assert policies(mount, container) == [*(f"arvados-more-{n}" for n in range(5)), "arvados-team"]
    assert sim.log.count(MEMBERSHIPS) == 3  # two each: then all that were asked for are there


# ---- lies and faults ----

@pytest.mark.parametrize("change", [
    lambda body: {**body, "items": [{**row, "user_uuid": "zzzzz-tpzed-l1s2piq4t4mps8r"} for row in body["items"]]},
    lambda body: {**body, "items": [{**row, "target_uuid": "zzzzz-j7d0g-48foin4vonvc2at"} for row in body["items"]]},
    lambda body: {**body, "items": [{**row, "perm_level": "can_dream"} for row in body["items"]]},
    lambda body: {**body, "items": [{**row, "perm_level": None} for row in body["items"]]},
    lambda body: {**body, "items": body["items"] * 2},
    lambda body: {**body, "items": None},
    lambda body: {**body, "limit": 0},
    lambda body: {key: value for key, value in body.items() if key != "limit"},
    lambda body: [],
], ids=["other user", "other target", "unknown level", "no level", "twice", "no items", "limit 0", "no limit", "list"])
def test_a_membership_list_that_cannot_be_right_refuses_the_login(team, change):
    mount, _, _, container = team
    with mount.sim.faults.add(MEMBERSHIPS, faults.mutate(change), times=None):
        answer = mount.login(container.token)
    assert answer.status_code == 502, answer.text
    assert mount.reason(answer) == "upstream_bad_answer"


@pytest.mark.parametrize("change", [
    lambda body: {**body, "items": [{**row, "group_class": "project"} for row in body["items"]]},
    lambda body: {**body, "items": [{**row, "uuid": "zzzzz-j7d0g-48foin4vonvc2at"} for row in body["items"]]},
    lambda body: {**body, "items": body["items"] * 2},
    lambda body: {**body, "items": {}},
], ids=["a project", "another", "twice", "no list"])
def test_a_list_of_roles_that_cannot_be_right_refuses_the_login(team, change):
    mount, _, _, container = team
    with mount.sim.faults.add("/arvados/v1/groups", faults.mutate(change), times=None):
        assert mount.login(container.token).status_code == 502


@pytest.mark.parametrize("path", [MEMBERSHIPS, "/arvados/v1/groups"])
def test_an_answer_of_null_is_not_one_that_is_missing(team, path):
    mount, _, _, container = team
    mount.sim.grant("arvados-own", "active")
    with mount.sim.faults.add(path, faults.reply(200, b"null"), times=None):
        assert mount.login(container.token).status_code == 502


@pytest.mark.parametrize("path", [MEMBERSHIPS, "/arvados/v1/groups"])
@pytest.mark.parametrize("action, status, reason", [
    (faults.overload(), 503, "upstream_busy"), (faults.error(500, "boom"), 503, "upstream_error"),
    (faults.cut(), 503, "upstream_unreachable"), (faults.error(403, "Forbidden"), 500, "service_token"),
    (faults.error(422, "odd"), 502, "upstream_bad_answer"),
], ids=lambda value: getattr(value, "name", None) or str(value))
def test_a_fault_while_memberships_are_asked_for_is_named_and_grants_nothing(team, path, action, status, reason):
    mount, _, _, container = team
    mount.sim.grant("arvados-own", "active")  # not even what needs no membership: policies would come and go
    with mount.sim.faults.add(path, action, times=None):
        answer = mount.login(container.token)
    assert (answer.status_code, mount.reason(answer)) == (status, reason)


def test_a_list_of_roles_that_is_not_there_refuses_the_login(team):
    mount, _, _, container = team
    with mount.sim.faults.add("/arvados/v1/groups", faults.error(404, "API endpoint not found"), times=None):
        assert mount.login(container.token).status_code == 502


def test_an_arvados_without_computed_permissions_counts_the_users_own_grants(team):
    """2.7 has no such list; grants to roles can't count there, and config/check says so."""
    mount, _, _, container = team
    mount.sim.grant("arvados-own", "active")
    with mount.sim.faults.add(MEMBERSHIPS, faults.error(404, "Path not found"), times=None):
        assert policies(mount, container) == ["arvados-own"]


# ---- bound_group_uuids ----

def test_a_role_may_be_bound_to_groups(team):
    mount, role, link, container = team
    other = mount.sim.new_role("other")["uuid"]
    make_role(mount, "members", bound_group_uuids=[other, role])
    make_role(mount, "others", bound_group_uuids=[other])
    assert policies(mount, container, role="members") == ["arvados-team"]
    assert refused(mount, container, role="others") == "bound_mismatch:bound_group_uuids"
    told = explained(mount, token=container.token, role="others")
    assert told["reason"] == "bound_mismatch:bound_group_uuids"

    auth = mount.login(container.token, role="members").json()["auth"]
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.sim.grant("arvados-team", "active")  # the policy stays, the membership goes
    mount.sim.revoke(link)
    assert_refused(mount, auth)
    assert refused(mount, container, role="members") == "bound_mismatch:bound_group_uuids"


def test_a_bound_group_in_the_trash_binds_nobody_in(team):
    mount, role, _, container = team
    mount.sim.grant("arvados-own", "active")
    make_role(mount, "members", bound_group_uuids=[role])
    mount.sim.call("DELETE", f"groups/{role}")
    assert refused(mount, container, role="members") == "bound_mismatch:bound_group_uuids"


def test_without_a_service_token_nobody_can_be_asked_and_the_binding_refuses(bare_mount):
    mount = bare_mount
    project = mount.sim.new_project("vault grants")["uuid"]
    mount.sim.add_member(project, mount.sim.all_users)
    mount.configure(service_token=None, trusted_link_owners=[project])
    mount.sim.grant("arvados-own", "active", owner=project)
    written = mount.bao.call("POST", f"auth/{mount.path}/role/members", {"bound_group_uuids": [mount.sim.all_users]})
    assert written.status_code == 200 and "need a service_token" in written.json()["warnings"][0]
    make_role(mount, "anybody")
    container = mount.sim.run_container("active")
    answer = mount.login(container.token, role="members")
    assert answer.status_code == 400 and "service token" in errors(answer)
    assert policies(mount, container, role="anybody") == ["arvados-own"]


def test_without_a_service_token_grants_to_roles_do_not_count(bare_mount):
    mount = bare_mount
    project = mount.sim.new_project("vault grants")["uuid"]
    mount.sim.add_member(project, mount.sim.all_users)
    mount.configure(service_token=None, trusted_link_owners=[project])
    mount.sim.grant("arvados-own", "active", owner=project)
    mount.sim.grant("arvados-everybody", mount.sim.all_users, owner=project)
    assert policies(mount, mount.sim.run_container("active")) == ["arvados-own"]


# ---- group_alias_uuids ----

def external_group(bao, mount, name: str) -> str:
    """An external group whose alias at this mount is the role's uuid, with the policy external-<name>."""
    accessor = bao.call("GET", "sys/auth").json()["data"][f"{mount.path}/"]["accessor"]
    group = bao.call("POST", "identity/group", {"name": f"{mount.path}-{name[-5:]}", "type": "external",
                                                "policies": ["external-policy"]}).json()["data"]["id"]
    answer = bao.call("POST", "identity/group-alias", {"name": name, "mount_accessor": accessor, "canonical_id": group})
    assert answer.status_code == 200, answer.text
    return group


def members(bao, group: str) -> list[str]:
    return bao.call("GET", f"identity/group/id/{group}").json()["data"]["member_entity_ids"] or []


def test_arvados_roles_can_be_external_groups_of_vault(team):
    mount, role, link, container = team
    mount.configure(group_alias_uuids=[role])
    mount.sim.grant("arvados-own", "active")
    group = external_group(mount.bao, mount, role)

    auth = mount.logged_in(container.token)["auth"]
    assert members(mount.bao, group) == [auth["entity_id"]]
    assert "external-policy" in auth["identity_policies"]

    mount.sim.revoke(link)
    again = mount.logged_in(container.token)["auth"]
    assert again["entity_id"] == auth["entity_id"] and not again.get("identity_policies")
    assert members(mount.bao, group) == []


def test_group_aliases_are_worked_out_again_at_each_renewal(team):
    mount, role, link, container = team
    mount.configure(group_alias_uuids=[role, mount.sim.all_users])
    mount.sim.grant("arvados-team", "active")
    group = external_group(mount.bao, mount, role)
    everybody = external_group(mount.bao, mount, mount.sim.all_users)
    auth = mount.logged_in(container.token)["auth"]
    assert members(mount.bao, group) == members(mount.bao, everybody) == [auth["entity_id"]]

    mount.sim.revoke(link)
    assert mount.renew(auth["client_token"]).status_code == 200
    assert members(mount.bao, group) == []
    assert members(mount.bao, everybody) == [auth["entity_id"]]


def test_a_mount_that_no_longer_names_groups_empties_them(team):
    mount, role, _, container = team
    mount.configure(group_alias_uuids=[role])
    group = external_group(mount.bao, mount, role)
    mount.logged_in(container.token)
    assert len(members(mount.bao, group)) == 1
    assert mount.write_config(group_alias_uuids=[]).status_code in (200, 204)
    mount.logged_in(container.token)
    assert members(mount.bao, group) == []


@pytest.mark.parametrize("fields, words", [
    ({"group_alias_uuids": ["zzzzz-tpzed-xurymjxw79nv3jz"]}, "group_alias_uuids"),
    ({"group_alias_uuids": ["zzzzz-j7d0g-anonymouspublic"]}, "all the world"),
    ({"group_alias_uuids": ["yyyyy-j7d0g-swqu6hmi4pa7bk7"]}, "another cluster"),
    ({"group_alias_uuids": ["zzzzz-j7d0g-swqu6hmi4pa7bk7"], "service_token": ""}, "needs service_token"),
])
def test_group_aliases_that_could_not_work_are_refused(mount, fields, words):
    answer = mount.write_config(**fields)
    assert answer.status_code == 400 and words in errors(answer)


def test_the_learned_cluster_id_binds_what_was_given_before_it_was_known(bare_mount):
    answer = bare_mount.write_config(**bare_mount.settings(group_alias_uuids=["yyyyy-j7d0g-swqu6hmi4pa7bk7"]))
    assert answer.status_code == 400 and "another cluster" in errors(answer)


# ---- prefixes_by_owner ----

def test_an_owner_with_a_prefix_of_his_own_grants_under_it_only(bare_mount):
    mount, sim = bare_mount, bare_mount.sim
    lab = sim.new_project("lab grants")["uuid"]
    mount.configure(trusted_link_owners=[sim.system_user, lab], prefixes_by_owner={lab: "arvados-lab-"})
    sim.grant("arvados-ops", "active")
    sim.grant("arvados-lab-a", "active", owner=lab)
    sim.grant("arvados-prod", "active", owner=lab)
    answer = mount.logged_in(sim.run_container("active").token)
    assert answer["auth"]["policies"] == ["arvados-lab-a", "arvados-ops", "default"]
    assert answer["warnings"] == ["grant arvados-prod dropped: outside_prefix"]


@pytest.mark.parametrize("note", [{"deep": [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]}, {"big": 10 ** 40}, {"small": -10 ** 40, "float": 1e308}, ["list"], "text"],
                         ids=["deep", "big", "small", "list", "text"])
def test_what_one_owner_notes_on_his_link_keeps_nobody_else_out(bare_mount, note):
    mount, sim = bare_mount, bare_mount.sim
    lab = sim.new_project("lab grants")["uuid"]
    mount.configure(trusted_link_owners=[sim.system_user, lab], prefixes_by_owner={lab: "arvados-lab-"})
    sim.grant("arvados-ops", "active")
    link = sim.grant("arvados-lab-x", "spectator", owner=lab)
    with sim.store.lock:
        sim.store.update(sim.store.get(link["uuid"]), {"properties": {"note": note}}, None)
    assert "arvados-ops" in mount.logged_in(sim.run_container("active").token)["auth"]["policies"]
    answer = mount.bao.call("GET", f"auth/{mount.path}/grants/{sim.user('spectator')}")
    assert answer.status_code == 200 and link["uuid"] in answer.text


@pytest.mark.parametrize("given", [
    {"zzzzz-tpzed-000000000000000": "arvados-lab-"},
    ["zzzzz-tpzed-000000000000000=arvados-lab-"],
    "zzzzz-tpzed-000000000000000=arvados-lab-",
])
def test_a_map_is_taken_in_each_form_and_comes_out_as_an_object(mount, given):
    assert mount.read_config()["prefixes_by_owner"] == {}
    mount.configure(prefixes_by_owner=given)
    assert mount.read_config()["prefixes_by_owner"] == {"zzzzz-tpzed-000000000000000": "arvados-lab-"}
    mount.configure(prefixes_by_owner={})
    assert mount.read_config()["prefixes_by_owner"] == {}


@pytest.mark.parametrize("given, words", [
    ({"zzzzz-tpzed-xurymjxw79nv3jz": "arvados-lab-"}, "none of the trusted_link_owners"),
    ({"zzzzz-tpzed-000000000000000": "other-"}, "not a prefix under"),
    ({"zzzzz-tpzed-000000000000000": "arvados-lab"}, "not a prefix under"),
    ({"zzzzz-tpzed-000000000000000": ["arvados-lab-"]}, "a map of texts"),
    ({"zzzzz-tpzed-000000000000000": ""}, "neither empty"),
    (["zzzzz-tpzed-000000000000000"], "key=value"),
    (["zzzzz-tpzed-000000000000000=arvados-a-", "zzzzz-tpzed-000000000000000=arvados-b-"], "each key once"),
    (7, "a map"),
])
def test_a_map_of_another_form_or_meaning_is_refused(mount, given, words):
    answer = mount.write_config(prefixes_by_owner=given)
    assert answer.status_code == 400 and words in errors(answer)
    assert mount.read_config()["prefixes_by_owner"] == {}


def test_a_role_whose_prefix_or_group_was_valid_before_the_mount_was_configured_grants_nothing_more(bao):
    """A role may be written first; what it binds is held against the mount at each login."""
    with Simulator() as sim:
        from conftest import make_mount
        mount = make_mount(bao, sim)
        make_role(mount, "members", bound_group_uuids=["yyyyy-j7d0g-swqu6hmi4pa7bk7"])
        mount.configure()
        sim.grant("arvados-own", "active")
        assert refused(mount, sim.run_container("active"), role="members") == "bound_mismatch:bound_group_uuids"
        bao.disable(mount.path)


def test_a_refused_user_stays_in_external_groups_until_the_entity_is_deleted(mount):
    sim, bao = mount.sim, mount.bao
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    sim.grant("arvados-own", "active")
    mount.configure(group_alias_uuids=[role])
    group = bao.call("POST", "identity/group", {"name": new_name("team"), "type": "external"}).json()["data"]["id"]
    accessor = bao.call("GET", f"sys/auth/{mount.path}").json()["data"]["accessor"]
    assert bao.call("POST", "identity/group-alias", {"name": role, "canonical_id": group, "mount_accessor": accessor}).status_code == 200

    def members() -> list[str]:
        return bao.call("GET", f"identity/group/id/{group}").json()["data"]["member_entity_ids"] or []

    container = sim.run_container("active")
    entity = mount.logged_in(container.token)["auth"]["entity_id"]
    assert members() == [entity]

    sim.deactivate("active")
    assert mount.login(container.token).status_code == 403
    assert members() == [entity], "the server recomputes groups only after a granted login"

    assert bao.call("DELETE", f"identity/entity/id/{entity}").status_code == 204
    assert members() == []
