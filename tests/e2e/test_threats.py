"""Threats of docs/evidence/threats.md that have no test in the room they belong to: what needs the whole, or many of something."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import make_mount
from host import new_name
from processes import wait_until

# ---- A-03: names ----

SEED = ["arvados-a", "arvados-lab-b", "arvados-", "arvados", "arvadosx-a", "team_x", "team_", "root", "default", "response-wrapping", "control-group",
        "sys/policy", "auth/token/create", "secret/data/x", "a" * 63, "arvados-" + "b" * 55, "arvados-" + "b" * 56]
PIECES = ["-", "_", ".", "/", "..", "*", "+", ",", ":", " ", "\t", "\n", "\r", "\0", "%2f", "{{identity.entity.id}}", "\u00a0", "\u2003", "\u200b", "\u202e",
          "\u212a", "\u0130", "\u0131", "\u0430", "\u00df", "\u0085", "ROOT", "A", "0", "z", "\U0001f600", "\ud7ff"]


def make_name(dice: random.Random) -> str:
    """A name near the border: a known one, changed nowhere, once or twice."""
    name = dice.choice([*SEED, "arvados-" + "".join(dice.choices("abc019-_", k=dice.randrange(1, 9)))])
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        at = dice.randrange(len(name) + 1)
        piece = dice.choice(PIECES)
        name = dice.choice([name[:at] + piece + name[at:], name[:at] + piece + name[at + 1:], name[:at] + name[at + 1:], name.upper(), name + piece, piece + name])
    return name[:300]


def is_granted(name: str) -> bool:
    """The oracle: the contract's own words."""
    grammar = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name, re.ASCII) is not None
    prefixed = any(name.startswith(prefix) and len(name) > len(prefix) for prefix in ("arvados-", "team_"))
    return grammar and prefixed and name not in ("root", "default", "response-wrapping", "control-group")


def test_A03_generated_names_are_granted_as_the_grammar_says_and_the_token_can_no_more(bare_mount):
    """50,000 names: VPA_NAMES=50000. The token of each login is used: it reads what its policies open and nothing of the others."""
    mount, per_login = bare_mount, 250
    total = int(os.environ.get("VPA_NAMES", "1000"))
    mount.configure(allowed_policy_prefixes=["arvados-", "team_"], max_policies=1000)
    user, bao, kv = mount.sim.user("active"), mount.bao, new_name("kv")
    token = mount.sim.run_container("active").token
    assert bao.call("POST", f"sys/mounts/{kv}", {"type": "kv"}).status_code == 204
    # Policies that a name misread by the host would open: each its own path.
    for name in ("arvados-a", "arvados-lab-b", "team_x", "arvadosx-a", "arvados", "a" * 63):
        rule = f'path "{kv}/{name}" {{ capabilities = ["read"] }}'
        assert bao.call("PUT", f"sys/policies/acl/{name}", {"policy": rule}).status_code == 204
    dice, tried, good = random.Random(3), 0, set()
    while tried < total:
        names = sorted({make_name(dice) for _ in range(per_login)})
        tried += len(names)
        links = [mount.sim.grant(name, user) for name in names if "\0" not in name]
        wanted = sorted(name for name in names if is_granted(name))
        good.update(wanted)
        answer = mount.login(token)
        if wanted:
            assert answer.status_code == 200, answer.text
            auth = answer.json()["auth"]
            assert sorted(auth["token_policies"]) == sorted([*wanted, "default"])
            for name in ("arvados-a", "arvados-lab-b", "team_x", "arvadosx-a", "arvados", "a" * 63):
                can = bao.call("POST", "sys/capabilities-self", {"paths": [f"{kv}/{name}"]}, token=auth["client_token"]).json()
                assert can["data"][f"{kv}/{name}"] == (["read"] if name in wanted else ["deny"]), name
            bao.call("POST", "auth/token/revoke-self", token=auth["client_token"])
        else:
            assert mount.reason(answer) == "no_grant"
        for link in links:
            mount.sim.call("DELETE", f"links/{link['uuid']}")
    assert len(good) > 3
    print(f"{tried} names granted by links, {len(good)} of them good")


# ---- A-14: guessing ----

def plugin_rss(bao) -> int:
    (pid,) = wait_until(lambda: len(found := bao.plugin_pids()) == 1 and found, "one plugin process")
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_A14_thousands_of_bad_logins_ask_little_and_cost_no_memory(granted):
    mount, container = granted
    secret = container.token.split("/")[2]
    malformed = container.token.replace("v2/", "v3/")
    guessed = container.token.replace(secret, "a" * len(secret))
    mount.login(malformed)
    mount.login(guessed)
    before = plugin_rss(mount.bao)
    mount.sim.log.clear()
    for _ in range(1000):
        assert mount.login(malformed).status_code == 400
    assert len(mount.sim.log.entries()) == 0, "a token of a wrong form leaves the process nowhere"
    begun = time.monotonic()
    for _ in range(300):
        assert mount.login(guessed).status_code == 403
    # Each ten seconds: three requests, three again, and one with the service token.
    assert len(mount.sim.log.entries()) <= 7 * (1 + (time.monotonic() - begun) // 10)
    if not os.environ.get("VPA_SANITIZED"):  # whose allocator keeps what was freed
        assert plugin_rss(mount.bao) - before < 8 * 1024
    mount.logged_in(container.token)


# ---- A-30: memory ----

@pytest.mark.plain_build
def test_A30_what_huge_bodies_took_goes_back(granted):
    mount, container = granted
    mount.logged_in(container.token)
    before = plugin_rss(mount.bao)
    body = b'{"token":"' + b"<" * (4 << 20) + b'"}'  # the host sends each "<" on as six bytes

    def send(_) -> int:
        return mount.bao.call("POST", f"auth/{mount.path}/login", raw=body, token="").status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(4))) == [400] * 4
    print(f"{before} KiB before, {plugin_rss(mount.bao)} after the last answer")
    wait_until(lambda: plugin_rss(mount.bao) < 2 * before, "the plugin gives the memory back", seconds=60)
    mount.logged_in(container.token)


# ---- A-31: signals ----

def test_A31_a_storm_of_signals_ends_no_login(own_bao, sim):
    mount = make_mount(own_bao, sim)
    mount.configure()
    sim.grant("arvados-read", sim.user("active"))
    container = sim.run_container("active")
    mount.logged_in(container.token)
    (pid,) = own_bao.plugin_pids()
    stop = threading.Event()

    def storm() -> None:
        while not stop.is_set():
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGWINCH, signal.SIGCONT):
                os.kill(pid, number)
            stop.wait(0.001)

    sender = threading.Thread(target=storm)
    sender.start()
    try:
        for _ in range(200):
            mount.logged_in(container.token)
    finally:
        stop.set()
        sender.join()
    assert own_bao.plugin_pids() == [pid]
