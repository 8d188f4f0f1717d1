"""Logins by the hundred thousand, with faults at random: is each right, and do memory, descriptors and threads stay where they were?

Most tokens are batch tokens, which cost the host nothing; one in ten is renewed and revoked. While it runs, Arvados fails in one of several ways
for a moment every few seconds, the config is rewritten every 20 s, and in the last tenth the plugin is killed now and then."""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import multiprocessing
import os
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from conftest import make_mount, start_server, stop_server  # noqa: E402
from simulator import Simulator, faults  # noqa: E402

POLICIES = ["arvados-read", "default"]
# What a login may end with while Arvados, its config or its plugin is disturbed. 403: an Arvados without its database says 401 to
# everybody, and if it is back when the service token is tried, it was the login's token that it refused.
EXPECTED = {200, 403, 500, 502, 503}


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, ca: str):
        self.port, self.context = port, ssl.create_default_context(cafile=ca)
        self.connection: http.client.HTTPSConnection | None = None

    def call(self, path: str, body: dict, token: str = "") -> tuple[int, dict]:
        try:
            if self.connection is None:
                self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=60)
            self.connection.request("POST", f"/v1/{path}", json.dumps(body), {"X-Vault-Token": token})
            answer = self.connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException):
            self.connection = None
            return 0, {}


def work(port: int, ca: str, mount: str, token: str, count, total: int, results) -> None:
    client, seen, wrong = Client(port, ca), Counter(), []
    while True:
        with count.get_lock():
            number = count.value
            count.value += 1
        if number >= total or wrong:
            break
        role = "service" if number % 10 == 0 else "batch"
        status, told = client.call(f"auth/{mount}/login", {"token": token, "role": role})
        seen[f"login {status}"] += 1
        if status == 200 and sorted(told["auth"]["token_policies"]) != POLICIES:
            wrong.append(told)
        elif status not in EXPECTED | {0}:
            wrong.append([status, told])
        if status != 200 or role == "batch":
            continue
        own = told["auth"]["client_token"]
        status, told = client.call("auth/token/renew-self", {}, own)
        seen[f"renewal {status}"] += 1
        if status == 200 and told["auth"]["lease_duration"] > 900:
            wrong.append(told)
        client.call("auth/token/revoke-self", {}, own)
    results.put((seen, wrong))


def measure(pid: int) -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


FAULTS = {"500": lambda: faults.error(500, "boom"), "overload": faults.overload, "cut": faults.cut, "reset": lambda: faults.cut(reset=True),
          "502": lambda: faults.html(502), "401 for all": faults.database_down}


class Soak:
    def __init__(self, total: int, directory: Path, sim: Simulator):
        self.total, self.sim, self.dice = total, sim, random.Random(0)
        self.server = start_server(directory / "server", audit=Path("/dev/null"))
        self.server.register()
        self.mount = make_mount(self.server, sim)
        self.mount.configure(cache_ttl=10, request_timeout="3s")
        for role in ("batch", "service"):
            answer = self.server.call("POST", f"auth/{self.mount.path}/role/{role}", {"token_type": role})
            assert answer.status_code in (200, 204), answer.text
        sim.grant("arvados-read", sim.user("active"))
        self.token = sim.run_container("active").token
        self.samples: list[dict] = []
        self.injected: Counter = Counter()
        self.kills = 0

    def disturb(self, second: int, done: int) -> None:
        if second % 3 == 0:
            name = self.dice.choice(list(FAULTS))
            self.injected[name] += 1
            self.sim.faults.add("/arvados/v1/*", FAULTS[name](), times=self.dice.randrange(1, 80))
        if second % 20 == 0:
            self.injected["config write"] += 1
            self.mount.write_config(max_policies=self.dice.randrange(2, 64))
        if done > self.total * 0.9 and second % 15 == 0:
            self.server.kill_plugin()
            self.kills += 1

    def sample(self, second: int, done: int) -> None:
        pids = self.server.plugin_pids()
        if done <= self.total * 0.9 and len(pids) == 1:
            self.samples.append({"second": second, "logins": done, **measure(pids[0])})

    def run(self, clients: int) -> tuple[Counter, list, float]:
        count, results = multiprocessing.Value("q", 0), multiprocessing.Queue()
        arguments = (self.server.port, self.server.ca, self.mount.path, self.token, count, self.total, results)
        workers = [multiprocessing.Process(target=work, args=arguments) for _ in range(clients)]
        started = time.monotonic()
        for worker in workers:
            worker.start()
        second = 0
        while any(worker.is_alive() for worker in workers) and results.qsize() < clients:
            time.sleep(1)
            second += 1
            self.disturb(second, count.value)
            self.sample(second, count.value)
            if second % 10 == 0:
                print(f"{min(count.value, self.total)} of {self.total} logins, {self.samples[-1] if self.samples else ''}", file=sys.stderr, flush=True)
        seen, wrong = Counter(), []
        for _ in workers:
            told, bad = results.get(timeout=120)
            seen += told
            wrong += bad
        for worker in workers:
            worker.join(30)
        return seen, wrong, time.monotonic() - started


def page(soak: Soak, seen: Counter, wrong: list, seconds: float) -> str:
    early = [one for one in soak.samples if one["logins"] >= soak.total * 0.1]
    first, last = early[0], early[-1]
    rows = [f"| {one['logins']:,} | {one['rss_kib']:,} | {one['threads']} | {one['descriptors']} |" for one in early[:: max(1, len(early) // 6)]]
    outcomes = "\n".join(f"| {what.replace(' 0', ': connection to the server lost')} | {n:,} |" for what, n in sorted(seen.items()))
    injected = ", ".join(f"{name} {n}" for name, n in sorted(soak.injected.items()))
    return f"""# Soak test

Generated by `scripts/dev soak`; do not edit. {datetime.date.today()}, release build. OpenBao, the simulated Arvados and the clients share
two cores.

{soak.total:,} logins in {seconds / 60:.0f} minutes; one in ten was renewed and revoked. Injected faults: {injected}, plugin killed {soak.kills}.

**Wrong grants: {len(wrong)}.** From 10% of the run to its end, memory changed by {last['rss_kib'] - first['rss_kib']:+,} KiB.

| outcome | number |
|---|---|
{outcomes}

| logins | resident memory, KiB | threads | descriptors |
|---|---|---|---|
{chr(10).join(rows)}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/dev soak", description=__doc__)
    parser.add_argument("logins", type=int, nargs="?", default=100000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--page", type=Path, help="where to write the figures; else they are only shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vpa-soak-") as directory, Simulator() as sim:
        soak = Soak(options.logins, Path(directory), sim)
        try:
            seen, wrong, seconds = soak.run(options.clients)
            text = page(soak, seen, wrong, seconds)
        finally:
            stop_server(soak.server)
    print(text)
    for bad in wrong[:5]:
        print("WRONG", bad)
    if options.page:
        options.page.write_text(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
