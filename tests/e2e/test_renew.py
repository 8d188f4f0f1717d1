"""Renewal: Arvados is asked again, and the whole decision is made again."""

from __future__ import annotations

import time

import pytest

from host import new_name
from simulator import faults
from test_role import make_role


@pytest.fixture
def session(granted):
    """A mount, a running container, and the login's auth block."""
    mount, container = granted
    return mount, container, mount.logged_in(container.token)["auth"]


def assert_refused(mount, auth) -> None:
    """Refused now, and still alive: a refusal ends nothing."""
    answer = mount.renew(auth["client_token"])
    assert answer.status_code in (400, 403), (answer.status_code, answer.text)
    assert alive(mount, auth)


def alive(mount, auth) -> bool:
    return mount.bao.call("GET", "auth/token/lookup-self", token=auth["client_token"]).status_code == 200


@pytest.mark.core
def test_a_running_container_renews(session):
    mount, _, auth = session
    before = mount.sim.log.count()

    answer = mount.renew(auth["client_token"])

    assert answer.status_code == 200, answer.text
    renewed = answer.json()["auth"]
    assert renewed["lease_duration"] == 15 * 60
    assert renewed["policies"] == auth["policies"]
    assert mount.sim.log.count() > before


@pytest.mark.parametrize("increment", ["1h", "768h", "20m"])
def test_no_renewal_buys_more_than_one_ttl(session, increment):
    mount, _, auth = session
    answer = mount.renew(auth["client_token"], increment=increment)
    assert answer.status_code == 200
    assert answer.json()["auth"]["lease_duration"] <= 15 * 60


def test_a_smaller_increment_is_respected(session):
    mount, _, auth = session
    assert mount.renew(auth["client_token"], increment="60s").json()["auth"]["lease_duration"] == 60


@pytest.mark.core
@pytest.mark.parametrize("state", ["Complete", "Cancelled"])
def test_a_finished_container_does_not_renew(session, state):
    mount, container, auth = session
    mount.sim.finish(container, state)
    assert_refused(mount, auth)


def test_a_container_that_was_relocked_does_not_renew_with_its_old_login(session):
    mount, container, auth = session
    mount.sim.force(container.uuid, auth_uuid="zzzzz-gj3su-000000000000009")
    assert_refused(mount, auth)


def test_a_container_that_vanished_does_not_renew(session):
    mount, container, auth = session
    mount.sim.forget(container.uuid)
    assert_refused(mount, auth)


def test_a_deactivated_user_does_not_renew(session):
    mount, _, auth = session
    mount.sim.deactivate("active")
    assert_refused(mount, auth)


def test_a_user_who_became_an_admin_does_not_renew(session):
    mount, container, auth = session
    mount.sim.force(container.user_uuid, is_admin=True)
    assert_refused(mount, auth)


def test_a_shell_that_was_opened_ends_renewal(session):
    mount, container, auth = session
    mount.sim.force(container.uuid, interactive_session_started=True)
    assert_refused(mount, auth)


@pytest.mark.core
def test_one_withdrawn_grant_ends_renewal_also_when_others_stay(granted):
    mount, container = granted
    link = mount.sim.grant("arvados-write", "active")
    auth = mount.logged_in(container.token)["auth"]

    mount.sim.revoke(link)

    assert_refused(mount, auth)
    assert mount.logged_in(container.token)["auth"]["policies"] == ["arvados-read", "default"]


def test_a_new_grant_does_not_hinder_renewal_and_needs_a_new_login(session):
    mount, container, auth = session
    mount.sim.grant("arvados-write", "active")
    assert mount.renew(auth["client_token"]).json()["auth"]["policies"] == auth["policies"]
    assert "arvados-write" in mount.logged_in(container.token)["auth"]["policies"]


def test_a_prefix_that_was_narrowed_ends_renewal(session):
    mount, _, auth = session
    mount.configure(allowed_policy_prefixes=["arvados-other-"])
    assert_refused(mount, auth)


def test_a_grant_that_expires_bounds_the_renewed_lease(session):
    mount, _, auth = session
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 120))
    for link in mount.sim.call("GET", "links", filters=[["name", "=", "arvados-read"]])["items"]:
        mount.sim.force(link["uuid"], properties={"expires_at": end})
    assert mount.renew(auth["client_token"]).json()["auth"]["lease_duration"] <= 120


@pytest.mark.parametrize("action, status", [
    (faults.overload(), 503), (faults.error(500, "x"), 503), (faults.invalid_json(), 502), (faults.cut(), 503),
], ids=["busy", "500", "garbage", "cut"])
def test_an_outage_refuses_the_renewal_and_ends_nothing(session, action, status):
    mount, _, auth = session
    with mount.sim.faults.add("/arvados/v1/*", action, times=None):
        answer = mount.renew(auth["client_token"])
    assert answer.status_code >= 500, answer.text
    assert alive(mount, auth)
    assert mount.renew(auth["client_token"]).status_code == 200


def test_an_api_that_answers_with_another_container_does_not_renew(session):
    mount, container, auth = session
    other = mount.sim.run_container("active")
    record = mount.sim.call("GET", f"containers/{other.uuid}")
    mount.sim.finish(container)
    with mount.sim.faults.add("/arvados/v1/containers", faults.mutate(lambda b: {**b, "items": [record]}), times=None):
        answer = mount.renew(auth["client_token"])
    assert answer.status_code >= 400
    assert alive(mount, auth)


def test_a_mount_without_config_does_not_renew(session):
    mount, _, auth = session
    mount.bao.call("DELETE", f"auth/{mount.path}/config")
    assert_refused(mount, auth)


def test_a_mount_that_lost_its_service_token_says_log_in_again(session):
    mount, _, auth = session
    assert mount.write_config(service_token="").status_code == 200
    answer = mount.renew(auth["client_token"])
    assert answer.status_code == 400
    assert "log in again" in answer.text


def test_an_entity_that_was_disabled_is_cut_off_at_once(session):
    # The recipe of docs/explanation/security.md for cutting a user off without waiting for the end of the TTL.
    mount, container, auth = session
    client = mount.bao.client()
    client.secrets.identity.update_entity(auth["entity_id"], disabled=True)
    assert not alive(mount, auth)
    client.secrets.identity.update_entity(auth["entity_id"], disabled=False)
    client.auth.token.revoke_accessor(auth["accessor"])
    assert not alive(mount, auth)


def test_a_revoked_token_needs_nothing_of_arvados(session):
    mount, _, auth = session
    mount.sim.stop()
    assert mount.bao.call("POST", "auth/token/revoke-self", token=auth["client_token"]).status_code == 204
    assert not alive(mount, auth)


def test_a_cluster_that_is_no_longer_allowed_ends_renewal_as_it_does_logins(session):
    mount, container, auth = session
    assert mount.write_config(allowed_token_clusters=["yyyyy"]).status_code == 204
    assert mount.login(container.token).status_code == 403
    assert_refused(mount, auth)


def test_the_end_of_a_grant_is_judged_by_the_clock_after_arvados_answered(granted):
    mount, container = granted
    mount.configure(request_timeout="20s")
    end = time.time() + 40
    mount.sim.grant("arvados-brief", "active",
                    properties={"expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))})
    mount.sim.faults.add("/arvados/v1/links", faults.delay(4.0), times=1)

    auth = mount.logged_in(container.token)["auth"]

    assert time.time() + auth["lease_duration"] <= end + 1


@pytest.mark.parametrize("token", [
    {"token_period": "1h"}, {"token_period": "5m"}, {"token_period": "1h", "token_ttl": "2h"}, {"token_period": "1h", "token_max_ttl": "30m"},
    {"token_period": "1h", "token_max_ttl": "2h"}, {"token_period": "1h", "token_explicit_max_ttl": "30m"}, {"token_period": "10m", "token_explicit_max_ttl": "2h"},
])
def test_a_periodic_token_is_renewed_as_approle_renews_it(granted, token):
    mount, container = granted
    make_role(mount, "periodic", **token)
    bao, approle = mount.bao, new_name("approle")
    assert bao.call("POST", f"sys/auth/{approle}", {"type": "approle"}).status_code == 204
    assert bao.call("POST", f"auth/{approle}/role/r", {"bind_secret_id": False, "token_bound_cidrs": "127.0.0.1/32", **token}).status_code == 204
    role_id = bao.call("GET", f"auth/{approle}/role/r/role-id").json()["data"]["role_id"]
    theirs = bao.call("POST", f"auth/{approle}/login", {"role_id": role_id}, token="").json()["auth"]
    ours = mount.login(container.token, role="periodic").json()["auth"]

    for _ in range(2):
        assert abs(ours["lease_duration"] - theirs["lease_duration"]) <= 2, (ours, theirs)
        theirs = mount.renew(theirs["client_token"]).json()["auth"]
        ours = mount.renew(ours["client_token"]).json()["auth"]
    bao.disable(approle)
