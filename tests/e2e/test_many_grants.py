"""Many grants on a mount: a login reads those to groups and the user's own, whatever the number of others."""

from __future__ import annotations

import concurrent.futures

import pytest

from conftest import make_mount
from test_cache import GROUPS, MEMBERSHIPS, ONE_CALL, TABLE, USER, asked
from test_explain import explained
from test_grants import read
from test_groups import policies, refused
from test_threats import plugin_rss

MOST = 10000



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


def test_a_login_costs_what_it_costs_with_few_grants(many):
    mount, _, _, container = many
    mount.sim.log.clear()
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert asked(mount) == sorted([*ONE_CALL, *TABLE, GROUPS, *USER, MEMBERSHIPS])
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    assert asked(mount) == ONE_CALL


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


def test_a_user_with_too_many_grants_keeps_no_other_user_out(many):
    mount, _, _, container = many
    spectator = mount.sim.run_container("spectator")
    mount.sim.grant_many(MOST + 1, mount.sim.user("spectator"))
    answer = mount.login(spectator.token)
    assert (answer.status_code, mount.reason(answer)) == (502, "links_incomplete")
    assert policies(mount, container) == ["arvados-own", "arvados-team"]


@pytest.mark.plain_build  # the sanitizers keep what was freed
def test_links_with_large_properties_take_no_memory(own_bao, sim):
    """A megabyte of notes in one link of each of eight users; all log in at the same time. Parsed, each would take 40 MB."""
    mount = make_mount(own_bao, sim)
    mount.configure(cache_ttl="60s", request_timeout="30s")
    sim.grant("arvados-own", "active")
    mount.logged_in(sim.run_container("active").token)
    before = plugin_rss(own_bao)
    notes = {"reason": "a ticket", "notes": [0] * 480_000}
    containers = []
    for number in range(8):
        user = sim.new_user(f"noted{number}")["uuid"]
        sim.grant("arvados-noted", user, properties=notes)
        containers.append(sim.run_container(user))
    for _ in range(2):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda container: policies(mount, container), containers))
        assert found == [["arvados-noted"]] * 8
    grown = plugin_rss(own_bao) - before
    print(f"{grown / 1024:.1f} MB more")
    assert grown < 32 * 1024, "the mount's budget"
