"""Each allocation of a login fails once, those inside the JSON library as well, which tells nobody: it leaves members out,
shortens texts, or ends the process. Refused, ended or the very same, whatever gets lost."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from model import campaign
from model.inside import Ended, Inside
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
    outcomes, nth = Counter(), 1
    while nth <= calls:
        try:
            with Inside(failing.env) as inside:
                while nth <= calls:
                    told, _, symbol = attempt(inside, failing, world, nth)
                    assert symbol, f"call {nth} of {calls} did not fail"
                    assert told["reason"] in (None, "internal"), f"call {nth} ({symbol}): {told}"
                    assert told["reason"] or told == wanted, f"call {nth} ({symbol})"
                    outcomes["served" if told["reason"] is None else "refused"] += 1
                    nth += 1
        except Ended:
            _, symbol = failing.disarm()
            # The library's own end of it: it hashes the copy of a key that it has no memory for.
            assert (symbol, inside.process.returncode) == ("strdup", -signal.SIGSEGV), f"call {nth} ({symbol})"
            outcomes["ended"] += 1
            nth += 1
    assert outcomes["refused"] > calls / 2, outcomes
    print(f"{calls} allocations failed in turn: {dict(outcomes)}")
