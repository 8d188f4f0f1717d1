"""More grants than one table holds: those to groups are remembered for all, a user's own are asked for when he comes."""

from __future__ import annotations

import concurrent.futures

import pytest

from simulator import faults
from test_cache import IDENTITY, LINKS, MEMBERSHIPS, asked
from test_explain import explained
from test_grants import listed, read
from test_groups import policies, refused

MOST = 10000

USERS = "/arvados/v1/users"  # shows with each list of links that the service token is an administrator's


@pytest.fixture
def many(mount):
    """A mount with a crowd of grants, and more: one to a role and one to its member, and his running container."""
    sim = mount.sim
    sim.grant_many(MOST)
    mount.configure(cache_ttl="60s")
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    sim.grant("arvados-team", role)
    return mount, role, sim.grant("arvados-own", "active"), sim.run_container("active")


def test_users_get_what_they_and_their_roles_were_granted(many):
    mount, _, _, container = many
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert refused(mount, mount.sim.run_container("spectator")) == "no_grant"


def test_a_first_seen_user_costs_a_question_more_and_a_warm_login_none(many):
    mount, _, _, container = many
    mount.sim.log.clear()
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    # Once to see that there are too many; those to groups; his own.
    assert asked(mount) == sorted([*IDENTITY, LINKS, LINKS, LINKS, USERS, USERS, MEMBERSHIPS, "/arvados/v1/groups"])
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert asked(mount) == IDENTITY

    mount.sim.grant("arvados-other", "spectator")
    other = mount.sim.run_container("spectator")
    asked(mount)
    assert policies(mount, other) == ["arvados-other"]
    assert asked(mount) == sorted([*IDENTITY, LINKS, USERS, MEMBERSHIPS, "/arvados/v1/groups"])


def test_that_there_are_too_many_is_found_out_once_for_each_config(many):
    mount, _, _, container = many
    mount.write_config(cache_ttl="0s")
    mount.sim.log.clear()
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert mount.sim.log.count(LINKS) == 3
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert mount.sim.log.count(LINKS) == 5


def test_containers_of_one_user_that_start_at_once_ask_for_his_links_once(many):
    mount, _, _, container = many
    others = [mount.sim.run_container("active") for _ in range(20)]
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    mount.write_config(max_retries=1)  # forgets
    mount.sim.log.clear()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda one: policies(mount, one), others))
    assert found == [["arvados-own", "arvados-team"]] * 20
    assert mount.sim.log.count(LINKS) == 3
    assert mount.sim.log.count(MEMBERSHIPS) == 1


def test_a_withdrawn_grant_and_membership_end_a_renewal(many):
    mount, _, own, container = many
    vault_token = mount.logged_in(container.token)["auth"]["client_token"]
    assert mount.renew(vault_token).status_code == 200
    mount.sim.revoke(own)
    mount.write_config(max_retries=1)
    assert mount.renew(vault_token).status_code == 403
    assert policies(mount, container) == ["arvados-team"]


def test_admins_see_roles_in_the_list_each_user_by_himself_and_are_told_so(many):
    mount, role, _, _ = many
    answer = mount.bao.call("LIST", f"auth/{mount.path}/grants").json()
    assert answer["data"]["keys"] == [role]
    assert answer["data"]["key_info"] == {role: {"policies": 1}}
    assert answer["warnings"] == [
        "grants to users are not listed: this mount has more than 10000 grants. Read grants/<user uuid> for those of one"]
    assert [(grant["policy"], grant["kept"]) for grant in read(mount, mount.sim.user("active"))] == [("arvados-own", True)]
    assert [(grant["policy"], grant["kept"]) for grant in read(mount, role)] == [("arvados-team", True)]
    told = explained(mount, user_uuid=mount.sim.user("active"))
    assert sorted(grant["policy"] for grant in told["grants"] if grant["kept"]) == ["arvados-own", "arvados-team"]


def test_an_admin_who_looks_finds_out_that_they_are_few_again(granted):
    mount, container = granted
    mount.sim.faults.add(LINKS, faults.mutate(lambda page: {**page, "items_available": 2 * MOST}))
    assert policies(mount, container) == ["arvados-read"]
    assert list(listed(mount)["key_info"]) == [mount.sim.user("active")]


def test_whoever_has_too_many_of_his_own_keeps_nobody_else_out(many):
    mount, _, _, container = many
    spectator = mount.sim.run_container("spectator")
    mount.sim.grant_many(MOST + 1, mount.sim.user("spectator"))
    answer = mount.login(spectator.token)
    assert (answer.status_code, mount.reason(answer)) == (502, "links_incomplete")
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
