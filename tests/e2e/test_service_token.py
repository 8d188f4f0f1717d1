"""The service token: its user is no administrator, or Arvados refuses it for a while."""

from __future__ import annotations

import pytest

from simulator import faults
from test_explain import explained


@pytest.fixture(params=[0, "60s"], ids=["not remembered", "remembered"])
def demoted(request, mount):
    """A mount whose service token was an administrator's, a granted user's container, and the user of the token no longer an administrator."""
    sim = mount.sim
    token = sim.new_token("spectator")
    sim.force(sim.user("spectator"), is_admin=True)
    mount.configure(service_token=token, cache_ttl=request.param)
    sim.grant("arvados-read", sim.user("active"))
    container = sim.run_container("active")
    assert mount.login(container.token).status_code == 200
    auth = mount.logged_in(container.token)["auth"]
    mount.write_config(max_retries=0)  # forgets what is remembered
    sim.force(sim.user("spectator"), is_admin=False)
    return mount, container, auth


def test_an_empty_list_of_links_is_no_evidence(demoted):
    mount, container, _ = demoted
    answer = mount.login(container.token)
    assert answer.status_code == 500 and mount.reason(answer) == "service_token"


def test_nor_is_an_empty_list_of_containers_or_groups(demoted):
    mount, container, auth = demoted
    assert mount.bao.call("POST", f"auth/{mount.path}/explain", {"container_uuid": container.uuid}).status_code == 500
    assert mount.bao.call("POST", f"auth/{mount.path}/explain", {"token": container.token}).status_code == 500
    assert mount.bao.call("LIST", f"auth/{mount.path}/grants").status_code == 500
    assert mount.bao.call("GET", f"auth/{mount.path}/grants/{container.user_uuid}").status_code == 500
    assert mount.renew(auth["client_token"]).status_code == 500


def test_the_check_and_the_counter_of_the_alert_show_it(demoted):
    mount, container, _ = demoted
    mount.login(container.token)
    data = mount.bao.call("GET", f"auth/{mount.path}/config/check").json()["data"]
    assert data["ok"] is False
    assert {one["name"]: one["ok"] for one in data["checks"]}["scopes"] is False
    assert mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]["logins"]["service_token"] == 1


def test_a_salted_login_does_not_take_an_empty_list_for_no_container(demoted):
    mount, container, _ = demoted
    mount.bao.call("POST", f"auth/{mount.path}/role/salted", {"allow_salted": True, "salt_label": "vault"})
    answer = mount.login(mount.sim.salted(container.token, "vault"), role="salted")
    assert answer.status_code == 500 and mount.reason(answer) == "service_token"


def test_an_administrators_empty_lists_are_believed(mount):
    container = mount.sim.run_container("active")
    assert mount.reason(mount.login(container.token)) == "no_grant"
    assert explained(mount, container_uuid="zzzzz-dz642-000000000000000")["reason"] == "container_not_running"


def refuse_service_token(mount):
    """Arvados answers 401 to it, and knows all other tokens."""
    return mount.sim.faults.add("/arvados/v1/users", faults.error(401, "Not logged in"), times=None)


def test_one_401_for_it_at_a_renewal_is_asked_again(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    with mount.sim.faults.add("/arvados/v1/users", faults.error(401, "Not logged in"), times=1):
        assert mount.renew(auth["client_token"]).status_code == 200


def test_one_that_worked_and_is_refused_is_an_outage_first(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    with refuse_service_token(mount):
        refused = mount.login(container.token)
        assert refused.status_code == 503 and mount.reason(refused) == "upstream_error"
        assert mount.renew(auth["client_token"]).status_code >= 500
    assert mount.login(container.token).status_code == 200
