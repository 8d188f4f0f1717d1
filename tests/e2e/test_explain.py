"""explain: the same decision, told instead of taken."""

from __future__ import annotations

import pytest

from simulator import faults
from test_login import errors
from test_role import make_role


def explained(mount, **fields) -> dict:
    answer = mount.bao.call("POST", f"auth/{mount.path}/explain", fields)
    assert answer.status_code == 200, answer.text
    assert "auth" not in answer.json() or answer.json()["auth"] is None
    return answer.json()["data"]


@pytest.mark.core
def test_what_a_login_would_give_is_told_and_nothing_is_issued(granted):
    mount, container = granted
    link = mount.sim.grant("database-admin", "active")

    told = explained(mount, token=container.token)

    assert told["outcome"] == "granted" and told["reason"] is None and told["status"] == 200
    assert told["user_uuid"] == container.user_uuid and told["container_uuid"] == container.uuid
    assert told["policies"] == ["arvados-read"] and told["ttl"] == 900 and told["role"] == ""
    dropped = {grant["link_uuid"]: grant for grant in told["grants"]}[link["uuid"]]
    assert dropped == {"link_uuid": link["uuid"], "policy": "database-admin", "tail_uuid": container.user_uuid,
                       "owner_uuid": mount.sim.system_user, "kept": False, "reason": "outside_prefix"}
    kept = [grant for grant in told["grants"] if grant["kept"]]
    assert [grant["policy"] for grant in kept] == ["arvados-read"] and kept[0]["reason"] is None


def test_by_user_and_by_container_tell_the_same_grants(granted):
    mount, container = granted
    by_token = explained(mount, token=container.token)
    by_user = explained(mount, user_uuid=container.user_uuid)
    by_container = explained(mount, container_uuid=container.uuid)
    assert by_user["grants"] == by_container["grants"] == by_token["grants"]
    assert by_user["outcome"] == by_container["outcome"] == "granted"
    assert by_user["container_uuid"] is None and by_container["user_uuid"] == container.user_uuid


def test_the_explanation_agrees_with_the_login_it_explains(granted):
    mount, container = granted
    sim = mount.sim
    make_role(mount, "other-user", bound_user_uuids=[sim.user("spectator")])
    make_role(mount, "window", login_window="1s")
    make_role(mount, "fine")
    sim.force(container.uuid, started_at="2026-01-01T00:00:00Z")
    for role in ("other-user", "window", "fine", "nobody", ""):
        fields = {"role": role} if role else {}
        login = mount.login(container.token, **fields)
        told = explained(mount, token=container.token, **fields)
        assert told["status"] == login.status_code, role
        assert (told["outcome"] == "granted") == (login.status_code == 200)
        if login.status_code == 403:
            assert told["reason"] == mount.reason(login)


@pytest.mark.parametrize("change, reason", [
    (lambda sim, c: sim.finish(c), "token_rejected"),
    (lambda sim, c: sim.force(c.user_uuid, is_active=False), "user_inactive"),
    (lambda sim, c: sim.force(c.uuid, interactive_session_started=True), "interactive_session"),
    (lambda sim, c: [sim.revoke(link) for link in sim.call("GET", "links", filters=[["name", "=", "arvados-read"]])["items"]],
     "no_grant"),
])
def test_a_refusal_is_told_with_its_reason(granted, change, reason):
    mount, container = granted
    change(mount.sim, container)
    told = explained(mount, token=container.token)
    assert (told["outcome"], told["status"], told["reason"]) == ("refused", 403, reason)
    assert told["policies"] == [] and told["detail"]


def test_a_container_that_is_over_and_users_nobody_knows_are_told(granted):
    mount, container = granted
    mount.sim.finish(container)
    assert explained(mount, container_uuid=container.uuid)["reason"] == "container_not_running"
    assert explained(mount, container_uuid="zzzzz-dz642-000000000000000")["reason"] == "container_not_running"
    assert explained(mount, user_uuid="zzzzz-tpzed-00000000000nobo")["reason"] == "user_inactive"


def test_a_malformed_token_is_an_answer_and_not_an_error(mount):
    told = explained(mount, token="x")
    assert (told["outcome"], told["status"], told["reason"]) == ("refused", 400, "token_malformed")


@pytest.mark.parametrize("fields", [
    {}, {"user_uuid": "zzzzz-tpzed-xurymjxw79nv3jz", "token": "x"}, {"user_uuid": "zzzzz-dz642-xurymjxw79nv3jz"},
    {"container_uuid": "zzzzz-tpzed-xurymjxw79nv3jz"}, {"usr_uuid": "zzzzz-tpzed-xurymjxw79nv3jz"},
])
def test_one_question_at_a_time(mount, fields):
    assert mount.bao.call("POST", f"auth/{mount.path}/explain", fields).status_code == 400


def test_an_outage_is_an_error_and_not_an_outcome(granted):
    mount, container = granted
    with mount.sim.faults.add("/arvados/v1/*", faults.overload(), times=None):
        assert mount.bao.call("POST", f"auth/{mount.path}/explain", {"token": container.token}).status_code == 503


def test_by_uuid_needs_a_service_token(bare_mount):
    mount = bare_mount
    project = mount.sim.new_project("vault grants")["uuid"]
    mount.configure(service_token=None, trusted_link_owners=[project])
    answer = mount.bao.call("POST", f"auth/{mount.path}/explain", {"user_uuid": mount.sim.user("active")})
    assert answer.status_code == 400 and "service token" in errors(answer)


def test_it_is_not_for_strangers(granted):
    mount, container = granted
    assert mount.bao.call("POST", f"auth/{mount.path}/explain", {"token": container.token}, token="").status_code == 403
