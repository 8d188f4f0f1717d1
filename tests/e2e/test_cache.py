"""What is remembered, for how long, and what makes it forgotten."""

from __future__ import annotations

import concurrent.futures
import threading
import time

import pytest

from simulator import faults
from test_groups import policies, refused
from test_role import make_role

LINKS = "/arvados/v1/links"
MEMBERSHIPS = "/arvados/v1/computed_permissions"
IDENTITY = ["/arvados/v1/api_client_authorizations/current", "/arvados/v1/containers/current",
            "/arvados/v1/users/current"]


@pytest.fixture
def cached(mount):
    """A mount that remembers for a minute, a role with a grant, and its member's container."""
    sim = mount.sim
    mount.configure(cache_ttl="60s")
    role = sim.new_role("team")["uuid"]
    sim.add_member(role, "active")
    sim.grant("arvados-team", role)
    return mount, role, sim.run_container("active")


def asked(mount) -> list[str]:
    paths = sorted(entry.path for entry in mount.sim.log.entries())
    mount.sim.log.clear()
    return paths


def test_ten_seconds_are_the_default(bare_mount):
    bare_mount.configure(cache_ttl=None)
    assert bare_mount.read_config()["cache_ttl"] == 10


@pytest.mark.core
def test_a_warm_login_is_one_round_and_a_first_seen_user_costs_a_second(cached):
    mount, _, container = cached
    mount.sim.grant("arvados-other", "spectator")
    other = mount.sim.run_container("spectator")
    assert policies(mount, container) == ["arvados-team"]
    asked(mount)

    assert policies(mount, container) == ["arvados-team"]
    assert asked(mount) == IDENTITY

    assert policies(mount, other) == ["arvados-other"]
    assert asked(mount) == sorted([*IDENTITY, MEMBERSHIPS, "/arvados/v1/groups"])
    assert policies(mount, other) == ["arvados-other"]
    assert asked(mount) == IDENTITY


def test_a_changed_role_keeps_the_grants_and_a_changed_config_does_not(cached):
    mount, role, container = cached
    make_role(mount, "ci")
    assert mount.login(container.token, role="ci").status_code == 200
    asked(mount)

    make_role(mount, "ci", token_ttl="2m")
    answer = mount.login(container.token, role="ci")
    assert answer.json()["auth"]["lease_duration"] == 120
    assert asked(mount) == IDENTITY

    # The answer about other groups is not the answer about these.
    other = mount.sim.new_role("other")["uuid"]
    mount.sim.add_member(other, "active")
    make_role(mount, "ci", bound_group_uuids=[other])
    assert mount.login(container.token, role="ci").status_code == 200
    assert LINKS not in asked(mount)

    mount.configure(cache_ttl="61s")
    asked(mount)
    assert mount.login(container.token, role="ci").status_code == 200
    assert LINKS in asked(mount)


def test_all_who_wait_for_a_slow_answer_share_it_although_it_is_old_when_it_comes(cached):
    """Longer than what is remembered: one round for those who came before it was asked, and one for all others."""
    mount, _, container = cached
    mount.configure(cache_ttl="1s", request_timeout="30s")
    mount.sim.log.clear()
    with mount.sim.faults.add(LINKS, faults.delay(1.3), times=None), concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: mount.login(container.token), range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert mount.sim.log.count(LINKS) <= 4  # each round asks one page, or two


def test_a_refused_role_write_makes_nothing_forgotten(cached):
    mount, _, container = cached
    make_role(mount, "any")
    assert policies(mount, container, role="any") == ["arvados-team"]
    answer = mount.bao.call("POST", f"auth/{mount.path}/role/any", {"token_policies": ["nope"]})
    assert answer.status_code == 400
    asked(mount)
    assert policies(mount, container, role="any") == ["arvados-team"]
    assert asked(mount) == IDENTITY


def test_where_no_role_has_grants_a_first_seen_user_costs_one_round(mount):
    mount.configure(cache_ttl="60s")
    for user in ("active", "spectator"):
        mount.sim.grant("arvados-own", user)
    assert policies(mount, mount.sim.run_container("active")) == ["arvados-own"]
    asked(mount)
    assert policies(mount, mount.sim.run_container("spectator")) == ["arvados-own"]
    assert asked(mount) == IDENTITY


def test_a_withdrawn_grant_acts_within_the_time(mount):
    mount.configure(cache_ttl="2s")
    link = mount.sim.grant("arvados-own", "active")
    mount.sim.grant("arvados-more", "active")
    container = mount.sim.run_container("active")
    start = time.monotonic()
    assert policies(mount, container) == ["arvados-more", "arvados-own"]
    mount.sim.revoke(link)
    while "arvados-own" in policies(mount, container):
        assert time.monotonic() - start < 10, "the grant is still there"
        time.sleep(0.1)
    assert time.monotonic() - start >= 2


def test_a_new_grant_acts_at_once_for_whoever_had_none(cached):
    mount, *_ = cached
    container = mount.sim.run_container("spectator")
    assert refused(mount, container) == "no_grant"
    time.sleep(1)
    mount.sim.grant("arvados-new", "spectator")
    assert policies(mount, container) == ["arvados-new"]


def test_refused_logins_make_arvados_tell_its_links_once_a_second_at_most(cached):
    mount, *_ = cached
    container = mount.sim.run_container("spectator")
    mount.sim.log.clear()
    start = time.monotonic()
    for _ in range(20):
        assert refused(mount, container) == "no_grant"
    assert mount.sim.log.count(LINKS) <= 2 + (time.monotonic() - start)


def test_whether_a_token_and_its_container_are_good_is_never_remembered(cached):
    mount, _, container = cached
    assert policies(mount, container) == ["arvados-team"]
    mount.sim.finish(container)
    assert refused(mount, container) == "token_rejected"


def test_whether_a_user_is_active_is_never_remembered(cached):
    mount, _, container = cached
    assert policies(mount, container) == ["arvados-team"]
    mount.sim.force(container.user_uuid, is_active=False)
    assert refused(mount, container) == "user_inactive"


@pytest.mark.parametrize("change", [
    lambda mount: mount.write_config(max_retries=1),
    lambda mount: mount.bao.call("LIST", f"auth/{mount.path}/grants"),
    lambda mount: mount.bao.call("POST", f"auth/{mount.path}/explain", {"user_uuid": mount.sim.user("active")}),
], ids=["config", "grants", "explain"])
def test_a_changed_config_and_an_admin_who_looks_make_it_fresh(cached, change):
    mount, _, container = cached
    mount.write_config(default_role="any")
    make_role(mount, "any")
    link = mount.sim.grant("arvados-own", "active")
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    mount.sim.revoke(link)
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    change(mount)
    assert policies(mount, container) == ["arvados-team"]


def test_nothing_is_remembered_with_zero(mount):
    link = mount.sim.grant("arvados-own", "active")
    mount.sim.grant("arvados-more", "active")
    container = mount.sim.run_container("active")
    assert policies(mount, container) == ["arvados-more", "arvados-own"]
    mount.sim.revoke(link)
    assert policies(mount, container) == ["arvados-more"]


def test_a_failed_look_is_not_remembered(cached):
    mount, _, container = cached
    with mount.sim.faults.add(LINKS, faults.error(500, "boom"), times=None):
        assert mount.login(container.token).status_code == 503
    assert policies(mount, container) == ["arvados-team"]


def test_one_of_many_logins_asks_and_the_others_wait_for_it(cached):
    mount, _, container = cached
    mount.sim.log.clear()
    answers: list[int] = []

    def login() -> None:
        answers.append(mount.login(container.token).status_code)

    with mount.sim.faults.add(LINKS, faults.delay(1.0), times=None):
        threads = [threading.Thread(target=login) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 12
    assert mount.sim.log.count(LINKS) == 1


def test_a_failure_is_shared_by_all_that_waited_for_it(cached):
    mount, _, container = cached
    mount.configure(cache_ttl="60s", max_retries=0)
    mount.sim.log.clear()
    answers: list[int] = []

    def login() -> None:
        answers.append(mount.login(container.token).status_code)

    mount.sim.faults.add(LINKS, faults.hang(), times=1)
    mount.sim.faults.add(LINKS, faults.error(500, "boom"), times=None)
    first = threading.Thread(target=login)
    first.start()
    mount.sim.log.wait_for(1, LINKS)
    others = [threading.Thread(target=login) for _ in range(8)]
    for thread in others:
        thread.start()
    mount.sim.log.wait_for(9, "/arvados/v1/users/current")
    time.sleep(0.3)
    mount.sim.faults.clear()
    mount.sim.faults.add(LINKS, faults.error(500, "boom"), times=None)
    mount.sim.faults.release()
    for thread in (first, *others):
        thread.join()
    assert len(answers) == 9 and set(answers) <= {200, 503}
    assert mount.sim.log.count(LINKS) <= 3


def test_counters_show_hits_and_misses(cached):
    mount, _, container = cached

    def cache() -> dict:
        return mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]["cache"]

    assert cache() == {"hits": 0, "misses": 0}
    policies(mount, container)
    assert cache() == {"hits": 0, "misses": 2}  # the table and the user's memberships
    policies(mount, container)
    assert cache() == {"hits": 2, "misses": 2}


def test_containers_of_one_user_that_start_at_once_cost_three_calls_each_and_a_constant(cached):
    mount, role, first = cached
    mount.sim.grant("arvados-own", "active")
    containers = [first, *(mount.sim.run_container("active") for _ in range(59))]
    asked(mount)

    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        found = list(pool.map(lambda container: policies(mount, container), containers))

    assert found == [["arvados-own", "arvados-team"]] * 60
    calls = asked(mount)
    assert [path for path in calls if path in IDENTITY] == sorted(IDENTITY * 60)
    # His memberships take two lists. Whoever waited for one that failed would ask himself.
    assert sorted(path for path in calls if path not in IDENTITY) == sorted([LINKS, "/arvados/v1/users", MEMBERSHIPS, "/arvados/v1/groups"])


def test_whoever_waited_for_memberships_that_could_not_be_had_asks_himself(cached):
    mount, role, first = cached
    containers = [first, *(mount.sim.run_container("active") for _ in range(9))]
    mount.sim.faults.add(MEMBERSHIPS, faults.error(422, "boom"), times=1)
    asked(mount)

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda container: mount.login(container.token), containers))

    assert statuses == [200] * 9 + [502]
    assert asked(mount).count(MEMBERSHIPS) == 2
