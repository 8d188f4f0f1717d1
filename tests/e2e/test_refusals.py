"""Why a login was refused: what an administrator finds under the request id that the caller got."""

from __future__ import annotations

import json

from conftest import make_mount
from processes import wait_until
from test_explain import explained
from test_role import make_role


def listed(mount, **fields) -> dict:
    query = "&".join(f"{key}={value}" for key, value in fields.items())
    answer = mount.bao.call("LIST", f"auth/{mount.path}/refusals" + (f"?{query}" if query else ""))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def request_id(answer) -> str:
    return answer.json()["errors"][0].rsplit("request_id=", 1)[1].rstrip(")")


def test_the_caller_gets_the_command_and_the_administrator_the_reason(granted):
    mount, container = granted
    mount.sim.force(container.uuid, interactive_session_started=True)
    refused = mount.login(container.token)
    assert refused.json()["errors"][0].startswith(
        f"permission denied (an administrator can read the reason: write auth/{mount.path}/explain request_id=")

    told = explained(mount, request_id=request_id(refused))

    assert (told["outcome"], told["reason"], told["status"]) == ("refused", "interactive_session", 403)
    assert (told["container_uuid"], told["user_uuid"], told["address"]) == (container.uuid, container.user_uuid, "127.0.0.1")
    assert container.uuid in told["detail"] and told["time"].endswith("Z") and told["request"] == "login"


def test_the_list_has_the_newest_first_page_by_page(granted):
    mount, container = granted
    make_role(mount, "bound", bound_user_uuids=[mount.sim.user("spectator")])
    first = request_id(mount.login(container.token, role="bound"))
    mount.login("x", role="bound")
    last = request_id(mount.login(container.token, role="bound"))

    data = listed(mount)
    assert len(data["keys"]) == 3 and (data["keys"][0], data["keys"][2]) == (last, first)
    assert [data["key_info"][key]["reason"] for key in data["keys"]] == ["bound_mismatch:bound_user_uuids", "token_malformed", "bound_mismatch:bound_user_uuids"]
    assert data["key_info"][first]["role"] == "bound"
    assert listed(mount, limit=1)["keys"] == [last]
    assert listed(mount, after=last, limit=1)["keys"] == [data["keys"][1]]
    assert mount.bao.call("LIST", f"auth/{mount.path}/refusals?after={first}").status_code == 404  # the server's word for an empty list


def test_a_refused_renewal_has_a_request_id_that_arvados_and_the_log_have_as_well(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    mount.sim.log.clear()
    mount.sim.deactivate("active")

    assert mount.renew(auth["client_token"]).status_code in (400, 403)

    data = listed(mount)
    (key,) = data["keys"]
    assert data["key_info"][key]["request"] == "renewal" and data["key_info"][key]["reason"] == "user_inactive"
    assert data["key_info"][key]["container_uuid"] == container.uuid
    assert {entry.request_id for entry in mount.sim.log.entries()} == {key}
    (line,) = wait_until(lambda: [line for line in mount.bao.log().splitlines() if key in line], "the renewal in the log")
    for fact in ("operation=renew", "path=login", "reason=user_inactive", container.uuid, container.user_uuid):
        assert fact in line, line


def test_no_secret_is_remembered(granted):
    mount, container = granted
    secret = container.token.split("/")[2]
    make_role(mount, "plain")
    for token, fields in [(container.token, {"role": container.token}), (container.token + "/x", {}), (container.token, {"jwt": "x"}),
                          (container.token.replace("gj3su-", "gj3su-0"), {}), (container.token[:-1] + "0", {})]:
        assert mount.login(token, **fields).status_code != 200
    mount.sim.finish(container)
    mount.login(container.token, role="plain")
    text = json.dumps(listed(mount))
    assert secret not in text and mount.sim.admin_token.split("/")[2] not in text


def test_none_and_an_unknown_id_are_404_and_each_mount_has_its_own(granted):
    mount, container = granted
    other = make_mount(mount.bao, mount.sim)
    other.configure()
    refused = other.login(mount.sim.active_token)
    assert refused.status_code == 403
    assert mount.bao.call("LIST", f"auth/{mount.path}/refusals").status_code == 404
    assert mount.bao.call("POST", f"auth/{mount.path}/explain", {"request_id": request_id(refused)}).status_code == 404
    assert explained(other, request_id=request_id(refused))["reason"] == "not_container_token"
    mount.bao.disable(other.path)


def test_256_are_kept(granted):
    mount, container = granted
    first = request_id(mount.login(mount.sim.active_token))
    for _ in range(256):
        assert mount.login("x").status_code == 400
    data = listed(mount)
    assert len(data["keys"]) == 256 == len(data["key_info"]) and first not in data["keys"]


def test_it_is_not_for_unauthenticated_callers(granted):
    mount, _ = granted
    assert mount.bao.call("LIST", f"auth/{mount.path}/refusals", token="").status_code == 403


def test_logins_can_be_switched_off_and_on_and_status_and_check_show_it(granted):
    mount, container = granted
    auth = mount.logged_in(container.token)["auth"]
    for value, renews in [("off", True), ("off-and-renewals", False), ("on", True)]:
        assert mount.write_config(logins=value).status_code in (200, 204)
        answer = mount.login(container.token)
        assert answer.status_code == (200 if value == "on" else 503), answer.text
        if value != "on":
            assert "switched off" in answer.text
            assert explained(mount, token=container.token)["reason"] == "logins_off"
        assert (mount.renew(auth["client_token"]).status_code == 200) == renews
        checks = {one["name"]: one for one in mount.bao.call("GET", f"auth/{mount.path}/config/check").json()["data"]["checks"]}
        assert checks["logins"]["ok"] == (value == "on")
        assert mount.bao.call("GET", f"auth/{mount.path}/status").json()["data"]["logins_switch"] == value
    assert mount.write_config(logins="no").status_code == 400
