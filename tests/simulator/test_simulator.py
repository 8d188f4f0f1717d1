"""Tokens, containers, users and links behave as the notes on Arvados say, beyond the recordings."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import pytest

from simulator import CallFailed, Simulator, faults, fixtures, replay

# notes 1.3: salted with the secret of the fixture running_container_auth.
VAULT_SALT = "488a206112980698525071d37697a716e06adab5"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


def status(sim: Simulator, path: str, token: str, method: str = "GET", body: Any = None, **query: Any) -> int:
    return sim.try_call(method, path, body, token, **query).status


# -- tokens ----------------------------------------------------------------------


def test_a_token_salted_for_vault_proves_the_user_and_nothing_more(sim: Simulator) -> None:
    container = sim.run_container("active")
    salted = sim.salted(container.token, "vault")
    token = sim.call("GET", "api_client_authorizations/current", token=salted, remote="vault")
    assert (token["uuid"], token["api_token"]) == (container.token_uuid, "")
    assert status(sim, "users/current", salted, remote="vault") == 200
    refused = [status(sim, path, salted) for path in ("users/current", "containers/current", "links")]
    assert refused == [401, 401, 401]
    assert status(sim, "users/current", salted, remote="other") == 401


def test_salting_agrees_with_the_known_vector(sim: Simulator) -> None:
    assert sim.salted(sim.token("running_container_auth"), "vault").split("/")[2] == VAULT_SALT


def test_a_token_stops_when_its_time_is_over(sim: Simulator) -> None:
    token = sim.new_token("active", expires_at="2999-01-01T00:00:00Z")
    assert status(sim, "users/current", token) == 200
    sim.force(token.split("/")[1], expires_at=sim.store.now())
    assert status(sim, "users/current", token) == 401


def test_a_scope_is_a_method_and_a_path_or_a_prefix(sim: Simulator) -> None:
    exact = sim.new_token("admin", scopes=["GET /arvados/v1/links"])
    prefix = sim.new_token("admin", scopes=["GET /arvados/v1/links/"])
    link = sim.grant("x", sim.user("active"))["uuid"]
    assert [status(sim, "links", token) for token in (exact, prefix)] == [200, 403]
    assert [status(sim, f"links/{link}", token) for token in (exact, prefix)] == [403, 200]
    assert status(sim, "links", exact, "POST", {}) == 403


def test_records_that_are_not_simulated_ask_for_login_and_scopes_first(sim: Simulator) -> None:
    narrow = sim.new_token("admin", scopes=["GET /arvados/v1/links"])
    assert [status(sim, "collections", token) for token in ("nobody", narrow, sim.admin_token)] == [401, 403, 404]
    reply = sim.try_call("GET", "collections", token=narrow)
    assert b"403 Forbidden: Forbidden (req-" in reply.body


def test_the_basic_scheme_works_on_the_go_router_only(sim: Simulator) -> None:
    secret = base64.b64encode(f"x:{sim.active_token}".encode()).decode()
    headers = [("Authorization", f"Basic {secret}")]
    assert sim.try_call("GET", "users/current", headers=headers).status == 200
    assert sim.try_call("GET", "containers/current", headers=headers).status == 401


# -- containers ------------------------------------------------------------------


def test_a_run_token_works_from_lock_to_end(sim: Simulator) -> None:
    container = sim.run_container("spectator", state="Locked")
    assert sim.call("GET", "containers/current", token=container.token)["state"] == "Locked"
    sim.set_state(container, "Running")
    body = sim.call("GET", "containers/current", token=container.token)
    assert body["state"] == "Running"
    assert body["auth_uuid"] == container.token_uuid
    assert body["runtime_user_uuid"] == sim.user("spectator") == container.user_uuid
    sim.finish(container)
    assert status(sim, "containers/current", container.token) == 401
    assert sim.record(container.uuid)["auth_uuid"] is None


def test_a_relock_makes_another_token_for_the_same_container(sim: Simulator) -> None:
    first = sim.run_container(state="Locked")
    sim.unlock(first)
    assert status(sim, "containers/current", first.token) == 401
    second = sim.relock(first)
    assert second.uuid == first.uuid and second.token_uuid != first.token_uuid
    assert status(sim, "containers/current", second.token) == 200
    assert status(sim, "containers/current", first.token) == 401


def test_a_runtime_token_container_answers_only_to_the_four_part_form(sim: Simulator) -> None:
    given = sim.new_token("active")
    container = sim.run_container("active", runtime_token=given)
    body = sim.call("GET", "containers/current", token=container.token)
    assert body["auth_uuid"] is None and "runtime_token" not in body
    assert status(sim, "containers/current", container.v2) == 404
    sim.finish(container, "Cancelled")
    assert status(sim, "containers/current", container.token) == 401
    assert status(sim, "users/current", given) == 200


def test_secret_mounts_are_for_the_container_itself(sim: Simulator) -> None:
    mounts = {"/secret/a": {"kind": "text", "content": "x"}}
    container = sim.run_container(secret_mounts=mounts)
    path = f"containers/{container.uuid}/secret_mounts"
    assert sim.call("GET", path, token=container.token) == {"secret_mounts": mounts}
    assert [status(sim, path, sim.token(name)) for name in ("active", "admin", "spectator")] == [403, 403, 404]
    assert "secret_mounts" not in sim.call("GET", f"containers/{container.uuid}")


def test_priority_zero_is_seen_while_the_token_still_works(sim: Simulator) -> None:
    container = sim.run_container()
    assert sim.call("GET", "containers/current", token=container.token)["priority"] > 2**49
    sim.set_priority(container, 0)
    assert sim.call("GET", "containers/current", token=container.token)["priority"] == 0


def test_a_container_without_priority_cannot_be_locked(sim: Simulator) -> None:
    request = sim.make_request(priority=0)
    with pytest.raises(CallFailed, match="422"):
        sim.call("POST", f"containers/{request['container_uuid']}/lock")


@pytest.mark.parametrize("state", ["Complete", "Queued", "Nonsense"])
def test_a_container_cannot_leave_the_end_again(sim: Simulator, state: str) -> None:
    container = sim.run_container()
    sim.finish(container, "Cancelled")
    with pytest.raises(CallFailed, match="422"):
        sim.set_state(container, state)


# -- users, roles, links -----------------------------------------------------------


def test_deactivation_takes_all_tokens_and_memberships_but_no_policy_link(sim: Simulator) -> None:
    container = sim.run_container("active")
    grant = sim.grant("kept", "active")
    sim.deactivate("active")
    assert status(sim, "users/current", sim.active_token) == 401
    assert status(sim, "containers/current", container.token) == 401
    assert sim.record(container.uuid)["state"] == "Running"
    assert sim.record(grant["uuid"])["name"] == "kept"
    filters = [["user_uuid", "=", sim.user("active")], ["target_uuid", "=", sim.all_users]]
    assert sim.call("GET", "computed_permissions", filters=filters)["items"] == []


def test_membership_goes_from_role_to_role_at_the_weakest_level(sim: Simulator) -> None:
    inner, outer = sim.new_role("inner")["uuid"], sim.new_role("outer")["uuid"]
    sim.add_member(inner, "active", "can_manage")
    link = {"link_class": "permission", "name": "can_read", "tail_uuid": inner, "head_uuid": outer}
    sim.call("POST", "links", {"link": link})
    filters = [["user_uuid", "=", sim.user("active")], ["target_uuid", "in", [inner, outer]]]
    rows = sim.call("GET", "computed_permissions", filters=filters)["items"]
    assert {row["target_uuid"]: row["perm_level"] for row in rows} == {inner: "can_manage", outer: "can_read"}


def test_a_trashed_role_still_shows_until_the_sweep(sim: Simulator) -> None:
    role = sim.new_role("short-lived")["uuid"]
    sim.add_member(role, "active")
    sim.grant("policy", role)
    sim.call("DELETE", f"groups/{role}")
    filters = [["target_uuid", "=", role], ["user_uuid", "=", sim.user("active")]]
    assert sim.call("GET", "groups", filters=[["uuid", "=", role]])["items"] == []
    assert len(sim.call("GET", "computed_permissions", filters=filters)["items"]) == 1
    sim.sweep()
    assert sim.call("GET", "computed_permissions", filters=filters)["items"] == []
    assert sim.call("GET", "links", filters=[["tail_uuid", "=", role]])["items"] == []


def test_links_in_a_trashed_project_are_in_no_list(sim: Simulator) -> None:
    project = sim.new_project("grants")["uuid"]
    sim.grant("policy", "active", owner=project)
    ours = [["owner_uuid", "=", project]]
    assert len(sim.call("GET", "links", filters=ours)["items"]) == 1
    sim.call("POST", f"groups/{project}/trash")
    assert sim.call("GET", "links", filters=ours)["items"] == []


def test_a_permission_link_belongs_to_the_system_user_and_stays_one(sim: Simulator) -> None:
    project = sim.new_project("mine", owner="active")["uuid"]
    link = {"link_class": "permission", "name": "can_read", "tail_uuid": sim.all_users, "head_uuid": project}
    made = sim.call("POST", "links", {"link": link}, sim.active_token)
    assert made["owner_uuid"] == sim.system_user
    change = {"link": {"link_class": "vault_policy", "name": "root"}}
    for token, expected in ((sim.active_token, 403), (sim.admin_token, 422)):
        assert status(sim, f"links/{made['uuid']}", token, "PUT", change) == expected


def test_an_admin_owns_what_he_makes_without_an_owner(sim: Simulator) -> None:
    link = {"link_class": "vault_policy", "name": "x", "tail_uuid": sim.user("active")}
    assert sim.call("POST", "links", {"link": link}, sim.admin_token)["owner_uuid"] == sim.user("admin")
    assert sim.call("POST", "links", {"link": link})["owner_uuid"] == sim.system_user


def test_a_page_is_capped_at_a_thousand(sim: Simulator) -> None:
    for number in range(1005):
        sim.grant(f"p{number}", "active")
    body = sim.call("GET", "links", limit=5000, count="none", filters=[["link_class", "=", "vault_policy"]])
    assert (body["limit"], len(body["items"]), "items_available" in body) == (1000, 1000, False)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([["name", "like", "team-%"]], {"team-a", "team-b"}),
        ([["name", "!=", "team-a"]], {"team-b", "other"}),
        ([["name", "not in", ["other"]]], {"team-a", "team-b"}),
        ([["tail_uuid", "is_a", "arvados#user"]], {"team-a", "other"}),
        ([["properties", "exists", "note"]], {"team-a"}),
        ([["properties.note", "=", "x"]], {"team-a"}),
        ([["properties", "contains", ["note"]]], {"team-a"}),
        ([["properties.note", "exists", False]], {"team-b", "other"}),
        ([["name", ">", "other"]], {"team-a", "team-b"}),
    ],
)
def test_filters_choose_links(sim: Simulator, filters: list[Any], expected: set[str]) -> None:
    sim.grant("team-a", "active", properties={"note": "x"})
    sim.grant("team-b", sim.all_users)
    sim.grant("other", "spectator")
    found = sim.call("GET", "links", filters=[["link_class", "=", "vault_policy"], *filters])
    assert {link["name"] for link in found["items"]} == expected


# -- clusters and processes ----------------------------------------------------------


def test_a_second_cluster_has_the_same_fixtures_under_its_own_name() -> None:
    with Simulator("zzzzz") as first, Simulator("yyyyy") as second:
        container = second.run_container("active")
        assert container.uuid.startswith("yyyyy-dz642-") and container.user_uuid.startswith("yyyyy-tpzed-")
        assert status(second, "users/current", second.admin_token) == 200
        assert status(first, "containers/current", container.token) == 401
        assert "zzzzz" not in json.dumps(second.call("GET", "links", limit=1000)["items"])
        document = second.call("GET", "/discovery/v1/apis/arvados/v1/rest")
        assert document["uuidPrefix"] == "yyyyy"


def test_the_discovery_document_holds_a_key_twice(sim: Simulator) -> None:
    body = sim.try_call("GET", "/discovery/v1/apis/arvados/v1/rest").body
    doubled: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        doubled.extend(name for name in set(names) if names.count(name) > 1)
        return dict(pairs)

    document = json.loads(body, object_pairs_hook=note)
    assert set(doubled) == {"uuid"}
    assert (document["revision"], document["packageVersion"]) == ("20250402", "3.2.1")
    recorded = replay.load("discovery")[0]["response"]["body"]
    missing = recorded.keys() - document.keys()
    assert missing == {"schemas.Container.properties", "schemas.Link.properties", "resource_names", "_trimmed"}
    for name in ("Container", "Link"):
        assert recorded[f"schemas.{name}.properties"].keys() == document["schemas"][name]["properties"].keys()


def test_the_log_knows_connections_concurrency_and_tokens_in_urls(sim: Simulator) -> None:
    context = ssl.create_default_context(cafile=sim.ca_pem)

    def ask(path: str, **headers: str) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(sim.url + path, headers=headers), context=context).read()
        except urllib.error.HTTPError:
            pass

    sim.faults.add("*/current", faults.hang(), times=2)
    threads = [threading.Thread(target=ask, args=("/arvados/v1/users/current",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    sim.log.wait_for(2)
    sim.faults.release()
    for thread in threads:
        thread.join()
    assert (sim.log.connections(), sim.log.max_concurrency, len(sim.log.without_request_id())) == (2, 2, 2)
    assert sim.log.tokens_in_urls() == []
    ask(f"/arvados/v1/users/current?api_token={sim.active_token}", **{"X-Request-Id": "req-1"})
    assert [entry.request_id for entry in sim.log.tokens_in_urls()] == ["req-1"]
    sim.log.clear()
    assert sim.log.count() == 0


def test_the_standalone_simulator_says_where_it_is_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulator", "--cluster", "xxxxx", "--dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        host = (tmp_path / "endpoint").read_text().strip()
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        token = fixtures.token_v2("admin", "xxxxx")
        asked = urllib.request.Request(f"https://{host}/arvados/v1/users/current")
        asked.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(asked, context=context) as reply:
            assert json.load(reply)["uuid"] == fixtures.user_uuid("admin", "xxxxx")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
