"""What is remembered, for how long, and what makes it forgotten."""

from __future__ import annotations

import concurrent.futures
import threading
import time

import pytest

from processes import wait_until
from simulator import faults
from test_groups import policies, refused
from test_role import make_role

LINKS = "/arvados/v1/links"
MEMBERSHIPS = "/arvados/v1/computed_permissions"
GROUPS = "/arvados/v1/groups"
USERS = "/arvados/v1/users"
TO_GROUPS = {"path": LINKS, "query": "*is_a*"}
ONE_CALL = ["/arvados/v1/containers/current"]
TABLE = [LINKS, USERS]          # grants to groups, with the proof that the service token is an administrator's
USER = [LINKS, USERS]           # own grants and record; with MEMBERSHIPS where some group has grants


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
def test_a_warm_login_is_one_request_and_a_first_seen_user_costs_one_round_more(cached):
    mount, _, container = cached
    mount.sim.grant("arvados-other", "spectator")
    other = mount.sim.run_container("spectator")
    assert policies(mount, container) == ["arvados-team"]
    asked(mount)

    assert policies(mount, container) == ["arvados-team"]
    assert asked(mount) == ONE_CALL

    assert policies(mount, other) == ["arvados-other"]
    assert asked(mount) == sorted([*ONE_CALL, *USER, MEMBERSHIPS])
    assert policies(mount, other) == ["arvados-other"]
    assert asked(mount) == ONE_CALL


def test_a_changed_role_keeps_the_grants_and_a_changed_config_does_not(cached):
    mount, role, container = cached
    make_role(mount, "ci")
    assert mount.login(container.token, role="ci").status_code == 200
    asked(mount)

    make_role(mount, "ci", token_ttl="2m")
    answer = mount.login(container.token, role="ci")
    assert answer.json()["auth"]["lease_duration"] == 120
    assert asked(mount) == ONE_CALL

    # The answer about other groups is not the answer about these.
    other = mount.sim.new_role("other")["uuid"]
    mount.sim.add_member(other, "active")
    make_role(mount, "ci", bound_group_uuids=[other])
    assert mount.login(container.token, role="ci").status_code == 200
    assert asked(mount) == sorted([*ONE_CALL, *USER, MEMBERSHIPS, GROUPS])

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
    assert mount.sim.log.count(LINKS) <= 4  # each round asks for the table and for the user


def test_a_refused_role_write_makes_nothing_forgotten(cached):
    mount, _, container = cached
    make_role(mount, "any")
    assert policies(mount, container, role="any") == ["arvados-team"]
    answer = mount.bao.call("POST", f"auth/{mount.path}/role/any", {"token_policies": ["nope"]})
    assert answer.status_code == 400
    asked(mount)
    assert policies(mount, container, role="any") == ["arvados-team"]
    assert asked(mount) == ONE_CALL


def test_where_no_group_has_grants_memberships_are_not_asked_for(mount):
    mount.configure(cache_ttl="60s")
    for user in ("active", "spectator"):
        mount.sim.grant("arvados-own", user)
    assert policies(mount, mount.sim.run_container("active")) == ["arvados-own"]
    asked(mount)
    assert policies(mount, mount.sim.run_container("spectator")) == ["arvados-own"]
    assert asked(mount) == sorted([*ONE_CALL, *USER])


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


def test_refused_logins_read_grants_once_a_second_at_most(cached):
    mount, *_ = cached
    container = mount.sim.run_container("spectator")
    mount.sim.log.clear()
    start = time.monotonic()
    for _ in range(20):
        assert refused(mount, container) == "no_grant"
    # Grants to groups, and the user's own.
    assert mount.sim.log.count(LINKS) <= 2 * (2 + (time.monotonic() - start))


def test_whether_a_token_and_its_container_are_good_is_never_remembered(cached):
    mount, _, container = cached
    assert policies(mount, container) == ["arvados-team"]
    mount.sim.finish(container)
    assert refused(mount, container) == "token_rejected"


def test_whether_a_user_is_active_is_remembered_for_logins_and_asked_for_renewals(cached):
    mount, _, container = cached
    vault_token = mount.logged_in(container.token)["auth"]["client_token"]
    mount.sim.force(container.user_uuid, is_active=False)
    assert policies(mount, container) == ["arvados-team"]
    assert mount.renew(vault_token).status_code == 403
    mount.write_config(max_retries=1)  # forgets
    assert refused(mount, container) == "user_inactive"


@pytest.mark.parametrize("change", [
    lambda mount: mount.write_config(max_retries=1),
    lambda mount: mount.bao.call("POST", f"auth/{mount.path}/explain", {"user_uuid": mount.sim.user("active")}),
], ids=["config", "explain"])
def test_a_changed_config_and_explain_make_it_fresh(cached, change):
    mount, _, container = cached
    mount.write_config(default_role="any")
    make_role(mount, "any")
    link = mount.sim.grant("arvados-own", "active")
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    mount.sim.revoke(link)
    assert policies(mount, container) == ["arvados-own", "arvados-team"]
    change(mount)
    assert policies(mount, container) == ["arvados-team"]


def test_a_refresh_in_flight_never_answers_a_login_that_began_after_a_change(cached):
    """Logins keep refreshes in flight all the time, some slow. Each login that begins after a grant was withdrawn and the config written (which
    empties the cache) must not have that grant; each that begins after it was given again must have it."""
    mount, _, container = cached
    stop, lock, wanted = threading.Event(), threading.Lock(), ["arvados-own", "arvados-team"]
    wrong: list[str] = []
    n_logins = 0
    link = mount.sim.grant("arvados-own", "active")
    mount.write_config(max_retries=1)
    state = {"settled": 0, "wanted": wanted}  # the number of the last change that is complete, odd while one is under way

    def log_in() -> None:
        nonlocal n_logins
        while not stop.is_set():
            with lock:
                before = dict(state)
            got = policies(mount, container)
            with lock:
                n_logins += 1
                if state["settled"] == before["settled"] and before["settled"] % 2 == 0 and got != before["wanted"]:
                    wrong.append(f"after change {before['settled']}: {got}, not {before['wanted']}")

    with mount.sim.faults.add(LINKS, faults.delay(0.05), times=None):
        threads = [threading.Thread(target=log_in) for _ in range(6)]
        for thread in threads:
            thread.start()
        try:
            for i in range(10):
                with lock:
                    state["settled"] += 1
                if i % 2 == 0:
                    mount.sim.revoke(link)
                else:
                    link = mount.sim.grant("arvados-own", "active")
                mount.write_config(max_retries=1 + i % 2)
                with lock:
                    state.update(settled=state["settled"] + 1, wanted=["arvados-team"] if i % 2 == 0 else wanted)
                seen = n_logins
                wait_until(lambda: n_logins >= seen + 12 or wrong, "a dozen logins")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not wrong, "\n".join(wrong)


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
    assert mount.sim.log.count(LINKS) == 2  # the table and the user


def test_a_failure_is_shared_by_all_that_waited_for_it(cached):
    mount, _, container = cached
    mount.configure(cache_ttl="60s", max_retries=0)
    mount.sim.log.clear()
    answers: list[int] = []

    def login() -> None:
        answers.append(mount.login(container.token).status_code)

    mount.sim.faults.add(TO_GROUPS, faults.hang(), times=1)
    mount.sim.faults.add(TO_GROUPS, faults.error(500, "boom"), times=None)
    first = threading.Thread(target=login)
    first.start()
    mount.sim.log.wait_for(1, LINKS)
    others = [threading.Thread(target=login) for _ in range(8)]
    for thread in others:
        thread.start()
    mount.sim.log.wait_for(9, *ONE_CALL)
    time.sleep(0.3)
    mount.sim.faults.clear()
    mount.sim.faults.add(TO_GROUPS, faults.error(500, "boom"), times=None)
    mount.sim.faults.release()
    for thread in (first, *others):
        thread.join()
    assert len(answers) == 9 and set(answers) <= {200, 503}
    assert mount.sim.log.count(LINKS) <= 4  # three of the table at most, one of the user


def test_counters_show_hits_and_misses(cached):
    mount, _, container = cached

    def cache() -> dict:
        return mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]["cache"]

    assert cache() == {"hits": 0, "misses": 0}
    policies(mount, container)
    assert cache() == {"hits": 0, "misses": 2}  # the table and the user's memberships
    policies(mount, container)
    assert cache() == {"hits": 2, "misses": 2}


def test_containers_of_one_user_that_start_at_once_cost_one_call_each_and_a_constant(cached):
    mount, role, first = cached
    mount.sim.grant("arvados-own", "active")
    containers = [first, *(mount.sim.run_container("active") for _ in range(59))]
    asked(mount)

    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        found = list(pool.map(lambda container: policies(mount, container), containers))

    assert found == [["arvados-own", "arvados-team"]] * 60
    calls = asked(mount)
    assert [path for path in calls if path in ONE_CALL] == ONE_CALL * 60
    assert sorted(path for path in calls if path not in ONE_CALL) == sorted([*TABLE, GROUPS, *USER, MEMBERSHIPS])


def test_whoever_waited_for_memberships_that_could_not_be_had_asks_himself(cached):
    mount, role, first = cached
    containers = [first, *(mount.sim.run_container("active") for _ in range(9))]
    mount.sim.faults.add(MEMBERSHIPS, faults.error(422, "boom"), times=1)
    asked(mount)

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda container: mount.login(container.token), containers))

    assert statuses == [200] * 9 + [502]
    assert asked(mount).count(MEMBERSHIPS) == 2
