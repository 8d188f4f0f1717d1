"""Each allocation of a login fails once, those inside json-c as well. The login is refused or has the same result."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from model import campaign
from model.inside import Inside
from model.worlds import NOW, at, plain_world
from torture import Failing


pytestmark = pytest.mark.plain_build


def attempt(inside: Inside, failing: Failing, world, nth: int) -> tuple[dict, int, str]:
    """A login of a mount of its own, where nothing is remembered: what came of it, how many calls there were, which failed."""
    campaign.write_mount(inside, world)
    failing.arm(nth)
    told = inside.call(world.cluster, "update", "login", data={"token": world.run_token})
    return told, *failing.disarm()


def test_a_login_short_of_memory_gives_the_same_or_nothing(tmp_path):
    failing = Failing(tmp_path)
    world = plain_world()
    # What would be worse lost than the login: the end of a grant, and what else narrows it.
    world.cluster.links[0]["properties"] = {"note": "n" * 100, "expires_at": at(NOW + 600), "reason": "because"}
    with Inside(failing.env) as inside:
        wanted, calls, _ = attempt(inside, failing, world, 0)
    assert wanted["reason"] is None and wanted["auth"]["ttl"] == 600
    outcomes: Counter[str] = Counter()
    with Inside(failing.env) as inside:
        for nth in range(1, calls + 1):
            told, _, symbol = attempt(inside, failing, world, nth)
            assert symbol, f"call {nth} of {calls} did not fail"
            assert told["reason"] in (None, "internal"), f"call {nth} ({symbol}): {told}"
            assert told["reason"] or told == wanted, f"call {nth} ({symbol})"
            outcomes["served" if told["reason"] is None else "refused"] += 1
    assert outcomes["refused"] > calls / 2, outcomes
    print(f"{calls} allocations failed in turn: {dict(outcomes)}")
