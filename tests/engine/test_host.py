"""What the server does with a mount: namespaces, reload, seal, standbys, many leases at once, help and documents."""

from __future__ import annotations

import concurrent.futures

import engine_host
import requests


def test_help_and_the_api_document_come_from_the_tables(engine):
    text = engine.bao.call("GET", f"{engine.path}/creds/ci?help=1").json()["help"]
    assert "Create an Arvados token" in text
    text = engine.bao.call("GET", f"{engine.path}/config?help=1").json()["help"]
    assert "admin_token (string, required, sensitive)" in text
    paths = engine.bao.call("GET", "sys/internal/specs/openapi").json()["paths"]
    assert {f"/{engine.path}/{path}" for path in ("config", "config/check", "config/rotate-root", "creds/{role}", "login/{user}",
                                                  "revoke", "role/{name}", "status", "version")} <= set(paths)


def test_a_mount_in_a_namespace(bao, sim):
    name = engine_host.new_name("ns")
    assert bao.call("POST", f"sys/namespaces/{name}", {}).status_code in (200, 204)

    def call(method: str, path: str, body: object = None) -> requests.Response:
        return bao.call(method, f"{name}/{path}", body)

    assert call("POST", "sys/mounts/arvados", {"type": "arvados"}).status_code == 204
    engine = engine_host.Engine(bao, sim, f"{name}/arvados", sim.new_token("admin", scopes=engine_host.ADMIN_SCOPES))
    engine.configure()
    engine.role("ci")
    answer = engine.minted()
    assert call("POST", "sys/leases/renew", {"lease_id": answer["lease_id"]}).status_code == 200
    assert call("POST", "sys/leases/revoke", {"lease_id": answer["lease_id"], "sync": True}).status_code == 204
    assert not sim.is_valid(answer["data"]["user_token"])
    assert bao.call("DELETE", f"sys/namespaces/{name}").status_code in (200, 202, 204)


def test_a_reload_keeps_the_tokens_of_leases(own_bao, sim):
    """What waits to be finished is finished before the process ends: a rollback later finds nothing to end."""
    engine = engine_host.make_engine(own_bao, sim)
    engine.configure()
    engine.role("ci")
    answer = engine.minted()
    assert own_bao.call("PUT", "sys/plugins/reload/backend", {"plugin": "arvados"}).status_code in (200, 204)
    assert engine_host.unsettled(engine) == 0
    assert sim.is_valid(answer["data"]["user_token"])
    assert engine.renew(answer["lease_id"]).status_code == 200
    assert engine.revoke(answer["lease_id"]).status_code == 204


def test_leases_survive_a_seal(own_bao, sim):
    engine = engine_host.make_engine(own_bao, sim)
    engine.configure()
    engine.role("ci")
    answer = engine.minted()
    assert own_bao.call("PUT", "sys/seal").status_code == 204
    own_bao.unseal()
    assert engine.renew(answer["lease_id"]).status_code == 200
    assert engine.revoke(answer["lease_id"]).status_code == 204
    assert not sim.is_valid(answer["data"]["user_token"])


def test_a_standby_forwards_and_asks_arvados_nothing(tmp_path, sim):
    authority = engine_host.OpenBao.__init__.__globals__["trustme"].CA()
    leader = engine_host.EngineBao(tmp_path / "one", storage="raft", authority=authority, audit=tmp_path / "audit.log")
    standby = engine_host.EngineBao(tmp_path / "two", storage="raft", authority=authority, audit=tmp_path / "audit.log")
    try:
        leader.start().initialise()
        leader.register_engine()
        standby.start().join(leader)
        engine = engine_host.make_engine(leader, sim)
        engine.configure()
        engine.role("ci")
        engine.minted()  # everything that is asked once is asked by now
        sim.log.clear()
        at_standby = engine_host.Engine(standby, sim, engine.path, engine.admin_token)
        engine_host.wait_until(lambda: at_standby.call("GET", "role/ci").status_code == 200, "the standby to have the role")
        answer = at_standby.minted()
        assert sim.log.count() == 2
        assert at_standby.renew(answer["lease_id"]).status_code == 200
        assert at_standby.revoke(answer["lease_id"]).status_code == 204
        assert not sim.is_valid(answer["data"]["user_token"])
    finally:
        standby.stop()
        leader.stop()


def test_many_leases_are_revoked_at_once(engine):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens = [answer["data"]["user_token"] for answer in pool.map(lambda _: engine.minted(), range(200))]
    answer = engine.bao.call("POST", f"sys/leases/revoke-prefix/{engine.path}/creds", {"sync": True})
    assert answer.status_code == 204, answer.text
    assert not any(engine.sim.is_valid(token) for token in tokens)
