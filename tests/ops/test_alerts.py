"""deploy/monitoring/alerts.yml and dashboard.json: what promtool says, what they name, and one alert heard by a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]

# Fixtures of the end-to-end tests, found by their names here.
from conftest import bao, bare_mount, mount, sim  # noqa: E402, F401
from monitoring import EXPORTER, MONITORING, ROOT, Exporter  # noqa: E402
from processes import free_port, wait_until  # noqa: E402

ALERTS = MONITORING / "alerts.yml"
CASES = TESTS / "ops/alerts_test.yml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{alerts}]
scrape_configs:
  - job_name: arvados
    static_configs: [{{targets: ["{exporter}"]}}]
"""


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def test_promtool_takes_the_rules_and_they_fire_when_they_should():
    for answer in (promtool("check", "rules", str(ALERTS)), promtool("test", "rules", str(CASES))):
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_each_alert_is_tried_firing_and_not():
    quiet, heard = set(), set()
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for one in case.get("alert_rule_test", []):
            (heard if one.get("exp_alerts") else quiet).add(one["alertname"])
    names = {rule["alert"] for rule in RULES}
    assert len(names) == len(RULES) and heard == names
    assert quiet >= names - {"ArvadosServiceTokenExpiring", "ArvadosFailing"}, "the quiet day is for those too"


def test_each_alert_says_how_bad_it_is_and_where_its_page_is():
    headings = re.findall(r"^#+ (\w+)$", (ROOT / "docs/guides/operate.md").read_text(), re.MULTILINE)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert page == "docs/guides/operate.md" and anchor == rule["alert"].lower() and rule["alert"] in headings


def test_the_query_that_the_page_shows_is_the_alerts():
    (query,) = re.findall(r"^histogram_quantile.*$", (ROOT / "docs/guides/operate.md").read_text(), re.MULTILINE)
    assert any(rule["expr"].startswith(query) for rule in RULES)


def described() -> dict[str, str]:
    """Metrics of the exporter and their types, by its own table."""
    return dict(re.findall(r'^    "(arvados_\w+)": \("(\w+)"', EXPORTER.read_text(), re.MULTILINE))


def sample_names() -> set[str]:
    """What can stand in a query: a histogram's name can't, its parts' can."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + part for name, kind in described().items() for part in parts.get(kind, ("",))}


def known_words() -> set[str]:
    words = re.findall(r'^ +X\(\w+, "([\w:]+)"', "".join((ROOT / "include/vp" / name).read_text() for name in ("error.h", "policy.h")), re.MULTILINE)
    short = {word.removeprefix("upstream_") for word in words}
    outcomes = re.findall(r'^    "(\w+)": "', EXPORTER.read_text(), re.MULTILINE)
    return {*words, *short, *outcomes, "granted", "hit", "failed", "2..", "5..", "429", "503"}


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_what_alerts_and_panels_name_exists(expression):
    named = re.findall(r"arvados_\w+", expression)
    assert named and set(named) <= sample_names()
    words = {word for value in re.findall(r'=~?"([^"$]*)"', expression) for word in value.split("|")}
    assert words <= known_words(), words - known_words()


def test_counters_end_in_total_and_nothing_else_does():
    for name, kind in described().items():
        assert name.endswith("_total") == (kind == "counter"), name


def test_the_panels_queries_are_queries(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m").replace("$mount", ".+")}
             for number, expression in enumerate(EXPRESSIONS)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    answer = promtool("check", "rules", str(tmp_path / "panels.yml"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(EXPRESSIONS)} rules found" in answer.stdout


# ---- with a real Prometheus ----


@pytest.fixture
def prometheus(mount, tmp_path):
    """Scrapes an exporter that reads the mount, at which two logins were made before. Gives a function that asks it."""
    mount.sim.grant("arvados-read", "active")
    for _ in range(2):
        mount.logged_in(mount.sim.run_container("active").token)
    (tmp_path / "x").mkdir()
    exporter = Exporter(tmp_path / "x", f"--node={mount.bao.address}", f"--mount={mount.path}", f"--ca-file={mount.bao.ca}", "--no-renew", token=mount.bao.root_token)
    # The first read asks Arvados for the service token's end. What Prometheus sees later must be failures only, or it waits for minutes.
    exporter.scrape(), exporter.scrape()
    config, port = tmp_path / "prometheus.yml", free_port()
    config.write_text(PROMETHEUS.format(alerts=ALERTS, exporter=exporter.url.split("/")[2]))
    with open(tmp_path / "prometheus.log", "wb") as log:
        server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                                   f"--storage.tsdb.path={tmp_path}/data"], stdout=log, stderr=log)

    def ask(path: str, **query: str) -> dict:
        try:
            return requests.get(f"http://127.0.0.1:{port}/api/v1/{path}", params=query, timeout=30).json()["data"]
        except (requests.exceptions.ConnectionError, ValueError):
            assert server.poll() is None, (tmp_path / "prometheus.log").read_text()[-2000:]
            return {}

    yield ask
    server.terminate()
    server.wait(30)
    exporter.stop()


def test_a_real_prometheus_reads_the_exporter_and_notices_that_arvados_is_away(prometheus, mount):
    def counted() -> bool:
        found = prometheus("query", query='arvados_auth_logins_total{outcome="granted"}').get("result", [])
        return bool(found) and found[0]["metric"]["mount"] == mount.path and float(found[0]["value"][1]) == 2

    def pending() -> set[str]:
        return {alert["labels"]["alertname"] for alert in prometheus("alerts").get("alerts", [])}

    def quantile() -> float:
        (found,) = prometheus("query", query="histogram_quantile(0.99, arvados_auth_upstream_duration_seconds_bucket)")["result"]
        return float(found["value"][1])

    container = mount.sim.run_container("active")
    wait_until(counted, "two logins counted", 60)
    assert 0 < quantile() <= 40.96, "a histogram it can reckon with"
    wait_until(lambda: pending() == set(), "quiet", 60)  # before its first scrape there was no exporter
    mount.sim.stop()
    assert mount.login(container.token).status_code == 503
    wait_until(lambda: pending() >= {"ArvadosUnreachable"}, "the alert", 60)
