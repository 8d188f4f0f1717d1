"""The real Arvados Python SDK works against the simulator, over TLS."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Callable, Iterator

import pytest

from simulator import Simulator

arvados = pytest.importorskip("arvados", reason="arvados-python-client is not installed")

Client = Callable[[str], Any]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def client(sim: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Client]:
    """Clients that trust the simulator's authority and cache nothing of other runs."""
    monkeypatch.setenv("SSL_CERT_FILE", sim.ca_pem)
    monkeypatch.setenv("HOME", str(tmp_path))
    made: list[Any] = []

    def make(token: str) -> Any:
        made.append(arvados.api("v1", host=sim.host, token=token, cache=False, num_retries=0))
        return made[-1]

    yield make
    for api in made:
        api.close_connections()


def test_an_admin_creates_lists_changes_and_deletes_a_policy_link(sim: Simulator, client: Client) -> None:
    api = client(sim.admin_token)
    link = {"link_class": "vault_policy", "name": "genomics", "tail_uuid": sim.user("active"),
            "owner_uuid": sim.system_user, "properties": {"note": "ticket 12"}}
    made = api.links().create(body={"link": link}).execute()
    assert {key: made[key] for key in link} == link

    filters = [["link_class", "=", "vault_policy"], ["owner_uuid", "=", sim.system_user]]
    assert [item["uuid"] for item in api.links().list(filters=filters).execute()["items"]] == [made["uuid"]]

    renamed = api.links().update(uuid=made["uuid"], body={"link": {"name": "other"}}).execute()
    assert renamed["name"] == "other"
    api.links().delete(uuid=made["uuid"]).execute()
    with pytest.raises(arvados.errors.ApiError) as refused:
        api.links().get(uuid=made["uuid"]).execute()
    assert refused.value.resp.status == 404


def test_a_user_cannot_own_a_link_to_the_system_user(sim: Simulator, client: Client) -> None:
    link = {"link_class": "vault_policy", "name": "root", "tail_uuid": sim.user("active"),
            "owner_uuid": sim.system_user}
    with pytest.raises(arvados.errors.ApiError, match="without write permission on new owner") as refused:
        client(sim.active_token).links().create(body={"link": link}).execute()
    assert refused.value.resp.status == 403


def test_a_container_learns_who_it_is(sim: Simulator, client: Client) -> None:
    container = sim.run_container("active")
    api = client(container.token)
    assert api.containers().current().execute()["uuid"] == container.uuid
    assert api.users().current().execute()["uuid"] == container.user_uuid
    assert api.api_client_authorizations().current().execute()["uuid"] == container.token_uuid


def test_a_dispatcher_takes_a_request_through_its_life(sim: Simulator, client: Client) -> None:
    user, root = client(sim.active_token), client(sim.root_token)
    body = {"container_request": {"name": "demo", "command": ["true"], "container_image": "image", "cwd": "/",
                                  "output_path": "/out", "mounts": {"/out": {"kind": "tmp", "capacity": 1}},
                                  "runtime_constraints": {"vcpus": 1, "ram": 2}, "state": "Committed", "priority": 1}}
    uuid = user.container_requests().create(body=body).execute()["container_uuid"]
    assert root.containers().lock(uuid=uuid).execute()["state"] == "Locked"
    given = root.containers().auth(uuid=uuid).execute()
    running = root.containers().update(uuid=uuid, body={"container": {"state": "Running"}}).execute()
    assert running["auth_uuid"] == given["uuid"]

    inside = client(f"v2/{given['uuid']}/{given['api_token']}/{uuid}")
    assert inside.containers().current().execute()["state"] == "Running"
    root.containers().update(uuid=uuid, body={"container": {"state": "Complete", "exit_code": 0}}).execute()
    with pytest.raises(arvados.errors.ApiError) as refused:
        inside.containers().current().execute()
    assert refused.value.resp.status == 401


def test_paging_through_all_links_sees_each_once(sim: Simulator, client: Client) -> None:
    for number in range(7):
        sim.grant(f"policy-{number}", sim.user("active"))
    filters = [["link_class", "=", "vault_policy"]]
    pages = arvados.util.keyset_list_all(client(sim.admin_token).links().list, filters=filters, limit=3)
    assert sorted(link["name"] for link in pages) == [f"policy-{number}" for number in range(7)]


def test_membership_in_a_role_shows_in_computed_permissions(sim: Simulator, client: Client) -> None:
    role = sim.new_role("team")
    sim.add_member(role["uuid"], "active")
    filters = [["user_uuid", "=", sim.user("active")], ["target_uuid", "in", [role["uuid"]]]]
    found = client(sim.admin_token).computed_permissions().list(filters=filters, count="none").execute()
    assert [item["perm_level"] for item in found["items"]] == ["can_read"]


def test_the_client_refuses_a_certificate_of_an_unknown_authority(sim: Simulator, client: Client) -> None:
    sim.reopen(tls="self-signed")
    with pytest.raises(Exception, match="certificate verify failed"):
        client(sim.admin_token).users().current().execute()
    assert sim.log.count() == 0


def test_settings_come_from_the_environment(sim: Simulator, tmp_path: Any) -> None:
    script = "import arvados; print(arvados.api('v1').users().current().execute()['uuid'])"
    environment = {"ARVADOS_API_HOST": sim.host, "ARVADOS_API_TOKEN": sim.active_token,
                   "SSL_CERT_FILE": sim.ca_pem, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == sim.user("active"), done.stderr
