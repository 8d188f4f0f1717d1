"""deploy/monitoring/arvados_exporter beside real servers: what it says is what was done, and what went wrong is told."""

from __future__ import annotations

import datetime
import json
import re
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]

from conftest import make_mount, plugin_path, sanitizer_env, start_server, stop_server  # noqa: E402
from host import OpenBao  # noqa: E402
from monitoring import EXPORTER, MONITORING, ROOT, Exporter, Scrape  # noqa: E402
from processes import wait_until  # noqa: E402
from simulator import Simulator  # noqa: E402


def name_of(node: OpenBao) -> str:
    return f"127.0.0.1:{node.port}"


def make_token(server: OpenBao, mount: str, period: str = "24h") -> str:
    """As docs/guides/operate.md says."""
    policy = (MONITORING.parent / "policies/exporter.hcl").read_text().replace("auth/arvados/", f"auth/{mount}/")
    assert server.call("POST", "sys/policies/acl/exporter", {"policy": policy}).status_code == 204
    answer = server.call("POST", "auth/token/create-orphan", {"policies": ["exporter"], "no_default_policy": True, "period": period})
    assert answer.status_code == 200, answer.text
    return answer.json()["auth"]["client_token"]


class Site:
    """An active node, a standby with a plugin of its own, a standby that forwards everything; one mount; one exporter."""

    def __init__(self, place: Path, sim: Simulator):
        shared = {"storage": "raft", "audit": place / "audit.log", "authority": trustme.CA()}
        self.sim = sim
        self.nodes = [start_server(place / "active", **shared)]
        self.exporter: Exporter | None = None
        try:
            self.nodes[0].register()
            for name, more in [("standby", ""), ("forwarding", "disable_standby_reads = true\n")]:
                node = OpenBao(place / name, plugin_path(), env=sanitizer_env(place / name), **shared)
                self.nodes.append(node)
                with open(node.dir / "bao.hcl", "a") as config:
                    config.write(more)
                node.start().join(self.nodes[0])
            self.active, self.standby, self.forwarding = self.nodes
            self.mount = make_mount(self.active, sim)
            self.mount.configure()
            self.at_standby = replace(self.mount, bao=self.standby)
            wait_until(lambda: self.status(self.standby) == 200, "the mount at the standby")
            self.token = make_token(self.active, self.mount.path)
            self.exporter = Exporter(place, *(f"--node={node.address}" for node in self.nodes), f"--mount={self.mount.path}",
                                     f"--ca-file={self.active.ca}", token=self.token)
        except BaseException:
            self.stop()
            raise

    def status(self, node: OpenBao) -> int:
        return node.call("GET", f"auth/{self.mount.path}/status").status_code

    def stop(self) -> None:
        if self.exporter is not None:
            assert self.exporter.stop() == 0, self.exporter.log()
        for node in reversed(self.nodes):
            stop_server(node)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Simulator() as sim:
        site = Site(tmp_path_factory.mktemp("site"), sim)
        yield site
        site.stop()


def test_the_numbers_are_those_of_what_was_done(site):
    sim, mount = site.sim, site.mount
    active, standby = {"node": name_of(site.active)}, {"node": name_of(site.standby)}
    sim.grant("arvados-read", "active")
    sim.grant("database-admin", "active")
    container = sim.run_container("active")
    for where in (mount, mount, site.at_standby):
        renewable = where.logged_in(container.token)["auth"]["client_token"]
    for _ in range(2):
        assert mount.login(sim.active_token).status_code == 403
    assert mount.login("no token").status_code == 400
    assert mount.renew(renewable).status_code == 200
    sim.finish(container)
    assert mount.renew(renewable).status_code == 403

    site.exporter.scrape()  # the first one asks Arvados for the service token's end: one call more
    scrape = site.exporter.scrape()

    assert scrape.counted("arvados_auth_logins_total", "outcome", **active) == {"granted": 3, "not_container_token": 2, "token_malformed": 1}
    assert scrape.counted("arvados_auth_renewals_total", "outcome", **active) == {"granted": 1, "container_not_running": 1}
    assert scrape.counted("arvados_auth_dropped_grants_total", "reason", **active) == {"outside_prefix": 3}
    assert scrape.counted("arvados_auth_logins_total", "outcome", **standby) == {}, "it sent the login on"
    told = site.active.call("GET", f"auth/{mount.path}/status").json()["data"]
    calls = told["arvados"]["calls"]
    assert scrape.counted("arvados_auth_upstream_calls_total", "outcome", **active) == calls and calls["200"] > 10
    durations = "arvados_auth_upstream_duration_seconds"
    buckets = {sample.labels["le"]: sample.value for sample in scrape.samples if sample.name == f"{durations}_bucket" and active.items() <= sample.labels.items()}
    assert buckets == {"+Inf" if bound == "inf" else str(int(bound) / 1000): count for bound, count in told["arvados"]["latency_buckets_ms"].items()}
    assert list(map(float, buckets)) == sorted(map(float, buckets)) and list(buckets.values()) == sorted(buckets.values())
    assert scrape.value(f"{durations}_count", **active) == buckets["+Inf"] == sum(calls.values())
    assert scrape.value(f"{durations}_sum", **active) == told["arvados"]["latency_sum_ms"] / 1000
    for name in ("in_flight", "queued"):
        assert scrape.value(f"arvados_auth_upstream_{name}", **active) == 0
    assert scrape.value("arvados_auth_upstream_limit", **active) == told["arvados"]["limit"] >= 1
    ends = datetime.datetime.fromisoformat(told["service_token_expires_at"].replace("Z", "+00:00")).timestamp()
    assert scrape.value("arvados_auth_service_token_expires_timestamp_seconds", **active) == ends
    assert scrape.values("arvados_auth_problem") == []
    assert [scrape.value("arvados_auth_up", node=name_of(node)) for node in site.nodes] == [1, 1, 1]


def test_each_node_answers_for_itself_and_one_that_can_not_is_not_counted_twice(site):
    scrape = site.exporter.scrape()
    assert [scrape.outcome(node=name_of(node)) for node in site.nodes] == ["ok", "ok", "forwards"]
    assert scrape.values("arvados_auth_logins_total", node=name_of(site.forwarding)) == []
    starts = {scrape.value("arvados_auth_start_time_seconds", node=name_of(node)) for node in (site.active, site.standby)}
    assert all(abs(start - time.time()) < 3600 for start in starts)
    # What this is for: asked plainly, that node answers with the active node's counters.
    assert site.forwarding.plugin_pids() == [] and len(site.standby.plugin_pids()) == 1
    asked = [node.call("GET", f"auth/{site.mount.path}/status").json()["data"] for node in (site.active, site.forwarding)]
    assert asked[0]["since"] == asked[1]["since"] and asked[0]["logins"] == asked[1]["logins"]


def test_it_is_what_prometheus_calls_good(site):
    text = site.exporter.scrape().text
    answer = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
    named = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(named) == len(set(named)) == len(re.findall(r"^# HELP ", text, re.MULTILINE))


def test_the_token_stands_nowhere(site):
    site.exporter.scrape()
    process = Path(f"/proc/{site.exporter.process.pid}")
    places = [site.exporter.log(), site.exporter.scrape().text, (process / "cmdline").read_text(), (process / "environ").read_text()]
    assert all(site.token not in place for place in places)


def test_it_may_read_the_status_and_nothing_else(site):
    for path in ("config", "role?list=true", "grants?list=true"):
        assert site.active.call("GET", f"auth/{site.mount.path}/{path}", token=site.token).status_code == 403


def test_a_token_that_is_refused_is_told_once_and_a_new_one_is_taken_at_once(site):
    site.exporter.write_token("s.thisOneIsMadeUp")
    for _ in range(2):
        scrape = site.exporter.scrape()
        assert scrape.value("arvados_auth_up", node=name_of(site.active)) == 0
        assert scrape.outcome(node=name_of(site.active)) == "denied"
        assert scrape.values("arvados_auth_logins_total", node=name_of(site.active)) == [], "no old figures"
    lines = [line for line in site.exporter.log().splitlines() if name_of(site.active) in line and "denied" in line]
    assert len(lines) == 1 and "exporter.hcl" in lines[0] and "MadeUp" not in lines[0]
    site.exporter.token_file.unlink()
    assert site.exporter.scrape().outcome(node=name_of(site.active)) == "no_token"
    site.exporter.write_token(site.token)
    assert site.exporter.scrape().outcome(node=name_of(site.active)) == "ok"


def test_a_mount_that_is_not_there_and_one_of_another_kind_are_told(site):
    answer = site.active.call("POST", "sys/auth/approle", {"type": "approle"})
    assert answer.status_code == 204
    shown = subprocess.run([EXPORTER, "--once", f"--node={site.active.address}", "--mount=nobody", "--mount=auth/approle/", f"--mount={site.mount.path}",
                            f"--ca-file={site.active.ca}", f"--token-file={write(site, site.active.root_token)}"], capture_output=True, text=True, check=False)
    scrape = Scrape(shown.stdout)
    assert shown.returncode == 1
    assert [scrape.outcome(mount=mount) for mount in ("nobody", "approle", site.mount.path)] == ["no_mount", "no_mount", "ok"]


def write(site: Site, token: str) -> Path:
    file = site.active.dir / "exporter-token"
    file.write_text(token)
    return file


def test_a_service_token_that_died_is_a_problem_with_its_reason(site):
    mount, sim = site.mount, site.sim
    token = sim.new_token("admin")
    mount.configure(service_token=token)
    past = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sim.force(token.split("/")[1], expires_at=past)
    scrape = site.exporter.scrape()
    assert scrape.counted("arvados_auth_problem", "reason", node=name_of(site.active)) == {"service_token": 1}
    mount.configure()
    assert site.exporter.scrape().values("arvados_auth_problem", node=name_of(site.active)) == []


def test_it_keeps_its_token_alive(site, tmp_path):
    token = make_token(site.active, site.mount.path, period="6s")
    # The first node asked sends it on to the active one.
    exporter = Exporter(tmp_path, f"--node={site.forwarding.address}", f"--ca-file={site.active.ca}", token=token)
    try:
        wait_until(lambda: exporter.scrape().value("arvados_exporter_token_renewals_total", result="renewed") >= 3, "two renewals more")
        assert exporter.scrape().value("arvados_exporter_token_expires_timestamp_seconds") > time.time()
        assert exporter.scrape().value("arvados_exporter_token_renewals_total", result="failed") == 0
    finally:
        exporter.stop()


def test_a_plugin_that_was_restarted_counts_from_zero_and_says_since_when(site):
    before = site.exporter.scrape()
    time.sleep(1.1)  # the start is told in whole seconds
    site.active.kill_plugin()
    node = {"node": name_of(site.active)}

    def after() -> Scrape | None:
        scrape = site.exporter.scrape()
        return scrape if scrape.outcome(**node) == "ok" else None

    scrape = wait_until(after, "the plugin to be back")
    assert scrape.value("arvados_auth_start_time_seconds", **node) > before.value("arvados_auth_start_time_seconds", **node)
    assert scrape.value("arvados_auth_logins_total", outcome="granted", **node) == 0


def test_nodes_that_are_down_or_sealed_are_told_and_the_others_still_read(site):
    """Last: the nodes go."""
    site.standby.stop()
    scrape = site.exporter.scrape()
    assert scrape.outcome(node=name_of(site.standby)) == "unreachable" and scrape.outcome(node=name_of(site.active)) == "ok"
    site.standby.start()
    assert site.exporter.scrape().outcome(node=name_of(site.standby)) == "sealed"


# ---- answers that can't be right -----------------------------------------------------------------------------------


class Liar(BaseHTTPRequestHandler):
    """Answers as its server was told, and remembers what it was asked."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.action(self)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def liar(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), Liar)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.asked, server.tmp = [], tmp_path
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def once(liar, *options: str) -> Scrape:
    (liar.tmp / "token").write_text("s.some")
    answer = subprocess.run([EXPORTER, "--once", f"--node=https://127.0.0.1:{liar.server_port}", f"--token-file={liar.tmp}/token", *options],
                            capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "Traceback" not in answer.stderr, answer.stderr
    return Scrape(answer.stdout)


GOOD = {"data": {"arvados": {"calls": {}, "in_flight": 0, "latency_buckets_ms": {"5": 0, "inf": 0}, "latency_sum_ms": 0, "limit": 8, "queued": 0}, "cache": {"hits": 0, "misses": 0},
                 "dropped_grants": {}, "logins": {"granted": 0}, "renewals": {"granted": 0}, "service_token_expires_at": None,
                 "since": "2026-01-01T00:00:00Z"}, "warnings": None}


def spoiled(*path: str, value: object) -> bytes:
    answer = json.loads(json.dumps(GOOD))
    place = answer
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(answer).encode()


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b'"text"', b'{"data": null}', b"\xff\xfe", b"[" * 100_000, spoiled("data", "since", value="yesterday"), spoiled("data", "since", value=7),
    spoiled("data", "logins", value=[1]), spoiled("data", "logins", value={"granted": "many"}), spoiled("data", "logins", value={"granted": 10**400}),
    spoiled("data", "arvados", "latency_sum_ms", value=None), spoiled("data", "arvados", "latency_buckets_ms", value={}),
    spoiled("data", "arvados", "latency_buckets_ms", value={"5": 1}), spoiled("data", "arvados", "latency_buckets_ms", value={"few": 1, "inf": 1}),
    spoiled("data", "cache", value={}), spoiled("warnings", value=7),
], ids=range(18))
def test_an_answer_of_another_form_is_told(liar, body):
    liar.action = lambda handler: handler.reply(200, body)
    scrape = once(liar, f"--ca-file={liar.tmp}/ca.pem")
    assert scrape.outcome() == "bad_answer" and scrape.values("arvados_auth_logins_total") == []


def test_a_redirect_is_not_followed(liar):
    liar.action = lambda handler: handler.reply(307, b"", Location=f"https://127.0.0.1:{liar.server_port}/v1/elsewhere")
    (liar.tmp / "token").write_text("s.some")
    answer = subprocess.run([EXPORTER, "--once", f"--node=https://127.0.0.1:{liar.server_port}", f"--token-file={liar.tmp}/token",
                             f"--ca-file={liar.tmp}/ca.pem"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and Scrape(answer.stdout).outcome() == "forwards"
    assert liar.asked == ["/v1/auth/arvados/status"]


def test_an_authority_that_is_not_trusted_gets_no_token(liar):
    liar.action = lambda handler: handler.reply(200, json.dumps(GOOD).encode())
    assert once(liar).outcome() == "tls"
    assert liar.asked == []


def test_a_node_that_says_nothing_is_left_in_time(liar):
    gone = threading.Event()
    liar.action = lambda handler: gone.wait(60)
    try:
        assert once(liar, f"--ca-file={liar.tmp}/ca.pem", "--timeout=0.5").outcome() == "timeout"
    finally:
        gone.set()


def test_text_of_a_status_can_not_break_the_format(liar):
    word = 'a"b\\c\nd} 1\n# TYPE x counter'
    liar.action = lambda handler: handler.reply(200, spoiled("data", "logins", value={"granted": 1, word: 2}))
    (liar.tmp / "token").write_text("s.some")
    answer = subprocess.run([EXPORTER, "--once", f"--node=https://127.0.0.1:{liar.server_port}", f"--token-file={liar.tmp}/token",
                             f"--ca-file={liar.tmp}/ca.pem"], capture_output=True, text=True, check=False)
    scrape = Scrape(answer.stdout)
    assert answer.returncode == 0 and scrape.counted("arvados_auth_logins_total", "outcome") == {"granted": 1, word: 2}


@pytest.mark.parametrize("options", [["--node=http://127.0.0.1:8200"], ["--node=bao-1:8200"], ["--node=https://a:1/path"], ["--node=https://a", "--listen=80"],
                                     ["--node=https://a", "--mount=auth/"], ["--node=https://a", "--ca-file=/nonexistent"]])
def test_a_wrong_command_line_is_refused(options, tmp_path):
    answer = subprocess.run([EXPORTER, "--once", f"--token-file={tmp_path}/t", *options], capture_output=True, text=True, check=False)
    assert answer.returncode == 2 and "Traceback" not in answer.stderr and options[-1].split("=", 1)[1].strip("/")[:4] in answer.stderr


# ---- the words -----------------------------------------------------------------------------------------------------


def words_of(header: str) -> list[str]:
    return re.findall(r'^ +X\(\w+, "([\w:]+)"', (ROOT / "include/vp" / header).read_text(), re.MULTILINE)


def listed(name: str) -> list[str]:
    return re.search(rf'^{name} = """(.*?)"""', EXPORTER.read_text(), re.MULTILINE | re.DOTALL)[1].split()


def test_the_words_shown_from_the_start_are_those_of_the_code():
    ours = words_of("error.h")
    of_the_client = {"usage", "local_config", "local_io", "secret_missing", "version_conflict", "forbidden", "vault_refuses"}
    assert of_the_client < set(ours)
    assert set(listed("REASONS")) == set(ours) - of_the_client
    assert set(listed("DROPS")) == set(words_of("policy.h"))
