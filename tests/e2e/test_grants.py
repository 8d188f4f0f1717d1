"""For the admin: all grants as the plugin sees them, and what the mount did."""

from __future__ import annotations

import re

import pytest

from simulator import faults
from test_explain import explained
from test_login import at, errors

ANY_IMAGE = "fa3c1a9cb6783f85f2ecda037e07b8c3+167"


def listed(mount) -> dict:
    answer = mount.bao.call("LIST", f"auth/{mount.path}/grants")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def read(mount, uuid: str) -> list[dict]:
    answer = mount.bao.call("GET", f"auth/{mount.path}/grants/{uuid}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["grants"]


def status(mount) -> dict:
    answer = mount.bao.call("GET", f"auth/{mount.path}/status")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


# ---- grants ----

def test_users_and_groups_with_grants_are_listed_with_how_many_policies_count(mount):
    sim = mount.sim
    role = sim.new_role("team")["uuid"]
    sim.grant("arvados-a", "active")
    sim.grant("arvados-a", "active")
    sim.grant("arvados-b", "active")
    sim.grant("database-admin", "active")
    sim.grant("arvados-team", role)
    sim.grant("Not A Policy", "spectator")
    answer = listed(mount)
    active, spectator = sim.user("active"), sim.user("spectator")
    assert answer["keys"] == sorted([active, spectator, role])
    assert answer["key_info"] == {active: {"policies": 2}, role: {"policies": 1}, spectator: {"policies": 0}}


def test_no_grants_are_no_list(mount):
    assert mount.bao.call("LIST", f"auth/{mount.path}/grants").status_code == 404


def test_links_to_nothing_usable_are_counted_in_a_warning(mount):
    mount.sim.grant("arvados-a", "active")
    mount.sim.call("POST", "links", {"link": {"link_class": "vault_policy", "name": "arvados-a",
                                              "tail_uuid": "not-a-uuid", "owner_uuid": mount.sim.system_user}})
    answer = mount.bao.call("LIST", f"auth/{mount.path}/grants").json()
    assert answer["data"]["keys"] == [mount.sim.user("active")]
    assert answer["warnings"] == ["1 links are not shown: their tail is neither a user nor a group"]


def test_the_grants_of_one_user_are_shown_kept_or_dropped_with_their_properties(mount):
    sim = mount.sim
    end = at(3600)
    properties = {"expires_at": end, "reason": "ticket 12", "note": {"deep": [1, 2.5, True, None, "ü"]}}
    good = sim.grant("arvados-a", "active", properties=properties)
    bound = sim.grant("arvados-b", "active", properties={"container_image": ANY_IMAGE})
    gone = sim.grant("arvados-c", "active", properties={"expires_at": at(-60)})
    wrong = sim.grant("arvados-d", "active", properties={"expires_at": "soon"})
    sim.grant("arvados-other", "spectator")

    shown = {grant["link_uuid"]: grant for grant in read(mount, sim.user("active"))}

    assert set(shown) == {good["uuid"], bound["uuid"], gone["uuid"], wrong["uuid"]}
    assert shown[good["uuid"]] == {
        "link_uuid": good["uuid"], "policy": "arvados-a", "owner_uuid": sim.system_user, "tail_uuid": sim.user("active"),
        "modified_by_user_uuid": good["modified_by_user_uuid"], "kept": True, "reason": None, "expires_at": end,
        "properties": properties}
    assert shown[bound["uuid"]]["kept"] and shown[bound["uuid"]]["expires_at"] is None
    assert [shown[link["uuid"]]["reason"] for link in (gone, wrong)] == ["expired", "bad_properties"]


def test_the_grants_of_groups_trashed_and_anonymous_ones_too(mount):
    sim = mount.sim
    team, trashed, anonymous = sim.new_role("team")["uuid"], sim.new_role("old")["uuid"], sim.uuid("j7d0g", "anonymouspublic")
    for tail in (team, trashed, anonymous):
        sim.grant("arvados-a", tail)
    sim.call("DELETE", f"groups/{trashed}")
    assert [(grant["kept"], grant["reason"]) for tail in (team, trashed, anonymous) for grant in read(mount, tail)] == [
        (True, None), (False, "role_trashed"), (False, "anonymous_role")]
    assert {uuid: info["policies"] for uuid, info in listed(mount)["key_info"].items()} == {team: 1, trashed: 0, anonymous: 0}


def test_links_whose_properties_are_no_object_are_dropped_and_hinder_nobody(mount):
    sim = mount.sim
    sim.grant("arvados-a", "active")
    odd = sim.grant("arvados-b", "active")
    sim.force(odd["uuid"], properties=None)
    answer = mount.logged_in(sim.run_container("active").token)
    assert answer["auth"]["policies"] == ["arvados-a", "default"]
    assert answer["warnings"] == ["grant arvados-b dropped: bad_properties"]
    assert [grant["properties"] for grant in read(mount, sim.user("active")) if not grant["kept"]] == [None]


def test_what_admins_note_in_many_links_hinders_nobody(mount):
    for number in range(300):
        mount.sim.grant(f"arvados-{number}", "spectator", properties={"note": "x" * 8000})
    mount.sim.grant("arvados-a", "active")
    assert mount.logged_in(mount.sim.run_container("active").token)["auth"]["policies"] == ["arvados-a", "default"]


def test_who_has_no_grant_has_an_empty_list(mount):
    assert read(mount, mount.sim.user("spectator")) == []


@pytest.mark.parametrize("uuid", ["active", "zzzzz-dz642-runningcontainr", "zzzzz-tpzed-xurymjxw79nv3j", "%2e%2e"])
def test_what_is_no_user_and_no_group_is_refused(mount, uuid):
    assert mount.bao.call("GET", f"auth/{mount.path}/grants/{uuid}").status_code in (400, 404)


def test_without_a_service_token_there_is_no_such_view(bare_mount):
    bare_mount.configure(service_token=None, trusted_link_owners=[bare_mount.sim.new_project("grants")["uuid"]])
    for method, path in (("LIST", "grants"), ("GET", f"grants/{bare_mount.sim.user('active')}")):
        answer = bare_mount.bao.call(method, f"auth/{bare_mount.path}/{path}")
        assert answer.status_code == 400 and "service token" in errors(answer)


def test_an_outage_is_an_error_and_not_an_empty_list(mount):
    mount.sim.grant("arvados-a", "active")
    with mount.sim.faults.add("/arvados/v1/links", faults.overload(), times=None):
        assert mount.bao.call("LIST", f"auth/{mount.path}/grants").status_code == 503


def test_explain_shows_links_with_a_wrong_owner(granted):
    """The daily mistake: an admin makes a grant and leaves out owner_uuid, so that it is his own."""
    mount, container = granted
    sim = mount.sim
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    mine = sim.grant("arvados-mine", "active", owner="admin")
    ours = sim.grant("arvados-ours", role, owner="admin")
    sim.grant("arvados-other", "spectator", owner="admin")
    own = sim.call("POST", "links", {"link": {"link_class": "vault_policy", "name": "arvados-root",
                                              "tail_uuid": sim.user("active")}}, sim.active_token)
    sim.grant("arvados-team", role)
    for told in (explained(mount, token=container.token), explained(mount, user_uuid=container.user_uuid)):
        dropped = {grant["link_uuid"]: grant["reason"] for grant in told["grants"] if not grant["kept"]}
        assert dropped == {mine["uuid"]: "untrusted_owner", ours["uuid"]: "untrusted_owner", own["uuid"]: "untrusted_owner"}
        assert told["policies"] == ["arvados-read", "arvados-team"]


# ---- status ----

def test_logins_and_renewals_are_counted_by_outcome(granted):
    mount, container = granted
    mount.sim.grant("database-admin", "active")
    for _ in range(3):
        auth = mount.logged_in(container.token)["auth"]
    assert mount.login("x").status_code == 400
    assert mount.login(mount.sim.active_token).status_code == 403
    assert mount.renew(auth["client_token"]).status_code == 200
    mount.sim.finish(container)
    assert mount.renew(auth["client_token"]).status_code == 403

    told = status(mount)

    assert told["logins"] == {"granted": 3, "token_malformed": 1, "not_container_token": 1}
    assert told["renewals"] == {"granted": 1, "container_not_running": 1}
    assert told["dropped_grants"] == {"outside_prefix": 3}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["since"])


def test_calls_to_arvados_are_counted_by_status_and_failure(granted):
    mount, container = granted
    fresh = status(mount)["arvados"]
    mount.sim.log.clear()
    mount.logged_in(container.token)
    with mount.sim.faults.add("/arvados/v1/users/current", faults.hang(), times=None):
        mount.configure(request_timeout="1s")
        assert mount.login(container.token).status_code == 503
        mount.sim.faults.release()
    with mount.sim.faults.add("/arvados/v1/users/current", faults.overload(), times=1):
        mount.logged_in(container.token)

    told = status(mount)["arvados"]

    assert told["calls"]["timeout"] == 1 and told["calls"]["503"] == 1
    good = sum(entry.status == 200 for entry in mount.sim.log.entries() if entry.fault is None)
    assert told["calls"]["200"] - fresh["calls"]["200"] == good
    assert told["in_flight"] == 0 and told["queued"] == 0
    assert 0 <= told["latency_ms"]["p50"] <= told["latency_ms"]["p99"]


def by_bound(told: dict) -> list[tuple[float, int]]:
    return sorted((float(bound), count) for bound, count in told["latency_buckets_ms"].items())


def test_answered_calls_are_counted_by_how_long_they_took(granted):
    mount, container = granted
    mount.logged_in(container.token)
    status(mount)  # which asks Arvados for the service token's end
    fresh = status(mount)["arvados"]
    with mount.sim.faults.add("/arvados/v1/users/current", faults.delay(0.7), times=1):
        mount.logged_in(container.token)
    with mount.sim.faults.add("/arvados/v1/users/current", faults.hang(), times=None):
        mount.configure(request_timeout="1s")
        assert mount.login(container.token).status_code == 503
        mount.sim.faults.release()

    told = status(mount)["arvados"]

    for one in (fresh, told):
        bounds, within = zip(*by_bound(one))
        assert bounds == (*(5 * 2**k for k in range(14)), float("inf"))
        assert list(within) == sorted(within), "each counts those before it"
        assert within[-1] == sum(count for outcome, count in one["calls"].items() if outcome.isdigit()), "the answered ones, and no others"
    new = {bound: count - before for (bound, count), (_, before) in zip(by_bound(told), by_bound(fresh))}
    assert new[float("inf")] - new[640] >= 1, "the slow one took longer than 640 ms"
    assert all(count >= before for (_, count), (_, before) in zip(by_bound(told), by_bound(fresh)))
    assert told["calls"]["timeout"] == 1
    assert told["latency_sum_ms"] - fresh["latency_sum_ms"] >= 700


def test_the_expiry_of_the_service_token_is_shown(bare_mount):
    end = at(30 * 24 * 3600)
    bare_mount.configure(service_token=bare_mount.sim.new_token("admin", expires_at=end))
    told = status(bare_mount)
    assert told["service_token_expires_at"] == end
    bare_mount.configure(service_token=bare_mount.sim.new_token("admin"))
    assert status(bare_mount)["service_token_expires_at"] is None


def test_it_is_there_when_nothing_else_is(bare_mount):
    told = status(bare_mount)
    assert told["logins"] == {"granted": 0} and told["arvados"]["latency_ms"] == {"p50": None, "p99": None}
    assert set(told["arvados"]["latency_buckets_ms"].values()) == {0} and told["arvados"]["latency_sum_ms"] == 0
    bare_mount.configure()
    with bare_mount.sim.faults.add("/arvados/v1/*", faults.overload(), times=None):
        answer = bare_mount.bao.call("GET", f"auth/{bare_mount.path}/status").json()
    assert answer["data"]["service_token_expires_at"] is None
    assert answer["warnings"] == ["the service token's expiry could not be learned: upstream_busy"]


def test_neither_is_for_strangers(mount):
    for method, path in (("LIST", "grants"), ("GET", f"grants/{mount.sim.user('active')}"), ("GET", "status")):
        assert mount.bao.call(method, f"auth/{mount.path}/{path}", token="").status_code == 403
