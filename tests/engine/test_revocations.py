"""Many leases that are revoked at once wait for Arvados, and for nothing else."""

from __future__ import annotations

import concurrent.futures

import engine_host
from simulator import faults

LEASES = 300


def test_revocations_keep_arvados_busy_up_to_the_limit(own_bao, sim):
    engine = engine_host.make_engine(own_bao, sim)
    engine.configure(max_concurrent_requests=32)
    engine.role("ci")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens = [answer["data"]["user_token"] for answer in pool.map(lambda _: engine.minted(), range(LEASES))]
    sim.log.clear()
    sim.faults.add("DELETE */api_client_authorizations/*", faults.delay(0.05))
    answer = own_bao.call("POST", f"sys/leases/revoke-prefix/{engine.path}/creds", {"sync": False})
    assert answer.status_code in (202, 204), answer.text
    engine_host.wait_until(lambda: not any(sim.is_valid(token) for token in tokens), "all tokens to be revoked", seconds=120)
    assert sim.log.count("*/api_client_authorizations/*", "DELETE") == LEASES, "one request each"
    print(f"{sim.log.max_concurrency} requests at a time")
    assert 8 <= sim.log.max_concurrency <= 32
