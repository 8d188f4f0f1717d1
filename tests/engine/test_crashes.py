"""The plugin, the server or Arvados fails at each step of a mint: after one rollback no token is valid that no lease has."""

from __future__ import annotations

import concurrent.futures

import pytest

import engine_host
from simulator import Simulator, faults

SCOPE = "GET /arvados/v1/users/current"

# What a mint asks, in order: the user, the token, and for a narrow role its keeper.
STEPS = [("all", 0), ("all", 1), ("narrow", 0), ("narrow", 1), ("narrow", 2)]


def prepare(bao, sim) -> tuple[engine_host.Engine, set[str]]:
    engine = engine_host.make_engine(bao, sim)
    engine.configure(request_timeout="2s")
    engine.role("all")
    engine.role("narrow", scopes=[SCOPE])
    return engine, set(sim.valid_tokens("active"))


def orphans(engine, known: set[str]) -> set[str]:
    """A move ends the leases of the mount; so what is still valid had none."""
    engine_host.roll_back(engine)
    return set(engine.sim.valid_tokens("active")) - known


FAULTS = {
    "done, then 503": faults.status(503),
    "done, then cut off": faults.cut_body(),
    "late": faults.delay(3),
    "not done": faults.cut(),
    "refused": faults.reply(422, {"errors": ["no"]}),
    "never expires": faults.mutate(lambda body: {**body, "expires_at": None}),
    "another owner": faults.mutate(lambda body: {**body, "owner_uuid": "zzzzz-tpzed-000000000000000"}),
    "other scopes": faults.mutate(lambda body: {**body, "scopes": ["all", "GET /"]}),
    "another secret": faults.mutate(lambda body: {**body, "api_token": "x" * 50}),
    "uuid of a user": faults.mutate(lambda body: {**body, "uuid": body["owner_uuid"]}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("role", "step"), [("all", 1), ("narrow", 1), ("narrow", 2)])
def test_arvados_fails_at_each_step(bao, sim, role, step, fault):
    engine, known = prepare(bao, sim)
    sim.faults.add("POST */api_client_authorizations", FAULTS[fault], skip=step - 1)
    answer = engine.creds(role)
    # A request that broke a kept connection before Arvados began with it is sent again.
    assert answer.status_code in ((200, 503) if fault == "not done" else (500, 502, 503)), answer.text
    sim.faults.clear()
    assert orphans(engine, known) == set()


def kill_at(engine, role: str, step: int, kill) -> None:
    """Holds the step's request at Arvados, kills, and lets Arvados do what was asked all the same."""
    sim = engine.sim
    sim.log.clear()
    sim.faults.add("*", faults.delay(1.0), skip=step)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        mint = pool.submit(engine.creds, role)
        sim.log.wait_for(step + 1)
        kill()
        try:
            assert mint.result().status_code >= 400
        except engine_host.requests.exceptions.ConnectionError:
            pass
    sim.faults.clear()


@pytest.mark.parametrize(("role", "step"), STEPS)
def test_the_plugin_dies_at_each_request(own_bao, sim, role, step):
    engine, known = prepare(own_bao, sim)
    kill_at(engine, role, step, own_bao.kill_plugin)
    assert orphans(engine, known) == set()


def test_the_plugin_dies_right_after_its_answer(own_bao, sim):
    """The lease stays, and can end; its token may be ended early."""
    engine, known = prepare(own_bao, sim)
    answer = engine.minted("all")
    own_bao.kill_plugin()
    # The server may answer the first request after the kill with a 500; it tries a revocation again, and so does this test.
    engine_host.wait_until(lambda: engine.revoke(answer["lease_id"]).status_code == 204, "the lease to be revoked")
    assert not sim.is_valid(answer["data"]["user_token"])
    assert orphans(engine, known) == set()


def test_a_client_that_leaves_gets_no_token(bao, sim):
    engine, known = prepare(bao, sim)
    sim.faults.add("POST */api_client_authorizations", faults.delay(1.0))
    with pytest.raises(engine_host.requests.exceptions.ReadTimeout):
        engine.creds("all", timeout=0.3)
    sim.log.wait_for(1, "*/api_client_authorizations", "POST")
    engine_host.wait_until(lambda: sim.log.running() == 0, "Arvados to be done")
    assert orphans(engine, known) == set()


def test_the_server_dies_during_a_mint(tmp_path):
    server = engine_host.EngineBao(tmp_path / "server", storage="raft")
    try:
        server.start().initialise()
        server.register_engine()
        with Simulator() as sim:
            engine, known = prepare(server, sim)
            kill_at(engine, "all", 1, server.kill)
            server.start().unseal()
            assert orphans(engine, known) == set()
    finally:
        server.stop()
