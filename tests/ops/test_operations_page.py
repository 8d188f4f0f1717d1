"""docs/guides/operate.md: its commands are run in their order on a real server, and what it says of audit file and log is looked at there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]

from conftest import Mount, plugin_path, sanitizer_env, sim, stop_server  # noqa: E402, F401
from host import OpenBao, bao_path  # noqa: E402
from monitoring import ROOT, Scrape  # noqa: E402
from processes import wait_until  # noqa: E402
from test_docs import BLOCK  # noqa: E402

PAGE = ROOT / "docs/guides/operate.md"


class Reader:
    """Runs the page's blocks one after the other, as an admin would; OpenBao logs at info, as a site's does."""

    def __init__(self, bao: OpenBao, mount: Mount, folder: Path):
        self.bao, self.mount, self.folder = bao, mount, folder
        self.env = {"PATH": f"{Path(bao_path()).parent}:{os.environ['PATH']}", "HOME": str(folder), "BAO_ADDR": bao.address, "BAO_CACERT": bao.ca,
                    "BAO_TOKEN": bao.root_token, "AUDIT_DEVICE": "to-file", "AUDIT_FILE": str(bao.audit_file), "LEAKED": str(folder / "leaked")}
        (folder / "deploy").symlink_to(ROOT / "deploy")
        self.blocks = BLOCK.findall(PAGE.read_text())

    def run(self, beginning: str) -> str:
        """The first block not yet run; named by how it begins."""
        text = self.blocks.pop(0)
        assert text.startswith(beginning), text
        answer = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        assert answer.returncode == 0, f"{text}\n{answer.stdout}\n{answer.stderr}"
        return answer.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("operations")


@pytest.fixture(scope="module")
def reader(place):
    from simulator import Simulator

    server = OpenBao(place / "server", plugin_path(), env=sanitizer_env(place / "server"))
    config = server.dir / "bao.hcl"
    config.write_text(config.read_text().replace('log_level = "debug"', 'log_level = "info"'))
    with Simulator() as arvados:
        server.start().initialise()
        try:
            server.register()
            mount = Mount(server, arvados, "arvados")
            assert server.enable("arvados").status_code == 204
            mount.configure()
            yield Reader(server, mount, place)
        finally:
            stop_server(server)


def entries(bao: OpenBao, path: str) -> list[dict]:
    """Answers in the audit file about a path of the mount."""
    found = [json.loads(line) for line in bao.audit().splitlines()]
    return [entry for entry in found if entry["type"] == "response" and entry["request"]["path"] == f"auth/arvados/{path}"]


def test_an_exporter_is_set_up_and_tells(reader):
    mount = reader.mount
    mount.sim.grant("arvados-read", "active")
    for _ in range(2):
        mount.logged_in(mount.sim.run_container("active").token)
    reader.run("bao policy write")
    assert (reader.folder / "exporter-token").stat().st_mode & 0o077 == 0
    shown = reader.run("deploy/monitoring/arvados_exporter --once")
    scrape = Scrape(shown)
    assert scrape.value("arvados_auth_up", mount="arvados") == 1
    assert scrape.counted("arvados_auth_logins_total", "outcome") == {"granted": 2} and "no_grant" in shown
    assert "reach" in reader.run("bao read -format=json auth/arvados/config/check")


def test_the_audit_file_shows_the_chosen_keys_and_never_a_token(reader):
    mount, bao = reader.mount, reader.bao
    container = mount.sim.run_container("active")
    before = mount.login(container.token, role="")
    assert before.status_code == 200
    first = entries(bao, "login")[-1]
    assert first["request"]["data"]["token"].startswith("hmac-sha256:") and first["request"]["data"]["role"].startswith("hmac-sha256:")
    assert first["auth"]["metadata"]["container_uuid"] == container.uuid, "readable without any key declared"

    reader.run("bao auth tune")

    bao.call("POST", "auth/arvados/role/ci", {"bound_user_uuids": [container.user_uuid]})
    given = mount.login(container.token, role="ci").json()["auth"]
    refused = mount.login(mount.sim.active_token, role="ci")
    mount.login(None, jwt=container.token, role="ci")
    mount.configure(trusted_link_owners=[mount.sim.system_user])
    assert mount.bao.call("POST", "auth/arvados/explain", {"token": container.token, "role": "ci"}).status_code == 200
    assert mount.bao.call("POST", "auth/arvados/explain", {"user_uuid": container.user_uuid, "role": "ci"}).status_code == 200
    jwt, denied, granted = (entries(bao, "login")[-number] for number in (1, 2, 3))

    assert granted["request"]["data"]["role"] == "ci" and granted["auth"]["policies"] == ["arvados-read", "default"]
    assert granted["request"]["id"] == granted["auth"]["metadata"]["request_id"]
    assert granted["auth"]["metadata"] == given["metadata"] and given["metadata"]["user_uuid"] == container.user_uuid
    assert denied["request"]["data"]["role"] == "ci" and denied["response"]["data"]["error"] == refused.json()["errors"][0]
    assert denied["request"]["id"] in denied["response"]["data"]["error"]
    assert entries(bao, "role/ci")[-1]["request"]["data"]["bound_user_uuids"] == [container.user_uuid]
    config = entries(bao, "config")[-1]["request"]["data"]
    assert config["arvados_api_host"] == mount.sim.host and config["trusted_link_owners"] == [mount.sim.system_user]
    told = entries(bao, "explain")[-1]
    assert told["request"]["data"]["user_uuid"] == container.user_uuid and told["response"]["data"]["outcome"] == "granted"
    for entry, key in [(granted, "token"), (denied, "token"), (jwt, "jwt"), (entries(bao, "explain")[-2], "token")]:
        assert entry["request"]["data"][key].startswith("hmac-sha256:")
    assert config["service_token"].startswith("hmac-sha256:")
    for secret in (container.secret, mount.sim.admin_token.split("/")[2], mount.sim.active_token.split("/")[2], given["client_token"], given["accessor"]):
        assert secret not in bao.audit()

    (reader.folder / "leaked").write_text(container.token)
    assert int(reader.run("bao write -field=hash")) >= 4


def test_no_key_that_holds_a_secret_is_recommended():
    (command,) = re.findall(r"bao auth tune.*?arvados/", PAGE.read_text(), re.DOTALL)
    keys = set(re.findall(r"keys=(\w+)", command))
    sensitive = set(re.findall(r"^\| `(\w+)` .*\*\*Sensitive\*\*", (ROOT / "docs/reference/api.md").read_text(), re.MULTILINE))
    assert sensitive >= {"token", "jwt", "service_token"}
    assert keys and not keys & sensitive
    fields = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/api.md").read_text(), re.MULTILINE))
    assert keys - fields == {"error", "outcome", "reason"}, "each other key is a field of the API"


def test_reasons_can_be_had_from_a_server_at_info_without_a_restart(reader):
    def told() -> bool:
        """Whether the log says why a login is refused. The host reads the plugin's log beside its answers."""
        text = reader.mount.login(reader.mount.sim.active_token, role="ci").json()["errors"][0]
        request_id = text.rsplit("request_id=", 1)[1].rstrip(")")
        end = time.monotonic() + 1
        while time.monotonic() < end and request_id not in reader.bao.log():
            time.sleep(0.02)
        return request_id in reader.bao.log()

    assert not told()
    reader.run("bao write sys/loggers level=debug")
    wait_until(told, "the reason in the log", 60)
    reader.run("bao delete sys/loggers")
    wait_until(lambda: not told(), "quiet again", 60)
    assert reader.blocks == [], "every command of the page was run"


# ---- the table of log lines ----------------------------------------------------------------------------------------

SOURCE = {path: path.read_text() for path in sorted((ROOT / "src").rglob("*.c")) if path.name != "log.c"}
CALL = re.compile(r"^ +(vp_log|log_request)\((.*?)\);", re.DOTALL | re.MULTILINE)


def messages(text: str, level: str, said: str) -> dict[str, set[str]]:
    """Messages of a call and their levels: one in the call itself, a table in the file, or what a helper is called with."""
    levels = set(re.findall(r"VP_LOG_(\w+)", text[text.index("level_of("):].split("\n}")[0] if level.startswith("level_of") else level))
    if said.startswith('"'):
        return {said.strip('"'): levels}
    if said == "ENDS[end]":
        ill = set(re.findall(r"end == (\w+)", re.search(r"bool ill = .*", text)[0]))
        assert level == "ill ? VP_LOG_ERROR : VP_LOG_DEBUG" and ill
        return {message: {"ERROR" if end in ill else "DEBUG"} for end, message in re.findall(r'\[(PLUGIN_END_\w+)\] = "([^"]+)"', text)}
    assert said == "message", f"a message made in a way this test does not know: {said}"
    return {message: levels for message in re.findall(r'\blog_token\(call, "([^"]+)"', text)}


def logged() -> dict[str, tuple[set[str], set[str]]]:
    """Message to levels and fields, by the source."""
    found = {}
    request_log, refusals = (SOURCE[ROOT / "src" / path] for path in ("plugin/request_log.c", "auth/refusals.c"))
    of_requests = set(re.findall(r'\{ "(\w+)",', request_log.split("static void log_request(")[1].split("\n}")[0]))
    of_requests |= set(re.findall(r'\{ "(\w+)",', refusals.split("FACTS[] = {")[1].split("};")[0]))
    assert len(of_requests) == 7
    for text in SOURCE.values():
        for function, call in CALL.findall(text):
            if call == "level, message, fields":
                continue  # by log_request itself
            level, said, rest = re.match(r"(.+?),\s*(\"[^\"]*\"|[\w\[\]]+),\s*(.*)", call, re.DOTALL).groups()
            for message, levels in messages(text, level, said).items():
                found[message] = ({one.lower() for one in levels}, set(re.findall(r'\{ "(\w+)",', rest)) | (of_requests if function == "log_request" else set()))
    return found


def test_every_line_that_the_plugin_can_log_is_told_with_its_level_and_fields():
    table = PAGE.read_text().split("| message | level |")[1].split("\n\n")[0]
    told = {row[0]: (set(row[1].split(", ")), set(re.findall(r"`(\w+)`", row[2])))
            for row in re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \| (.*?) ?\|", table, re.MULTILINE)}
    assert len(told) >= 12
    assert told == logged()


def test_every_metric_of_the_exporter_is_told():
    from test_alerts import described

    told = set(re.findall(r"`(arvados_(?:auth|exporter)_\w+)`", PAGE.read_text().split("### What it tells")[1].split("\n### ")[0]))
    assert told == set(described())
