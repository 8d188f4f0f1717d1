"""docs/reference/api.md is what the plugin says of itself, with answers it really gave.

    VPA_WRITE_DOCS=1 scripts/test   (or pytest on this file) writes the page anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from conftest import make_mount
PAGE = Path(__file__).resolve().parents[2] / "docs/reference/api.md"
MOUNT = "arvados"

HEAD = """# API

**For administrators and developers of clients.** All paths of an auth mount at `auth/arvados`, with
their fields and recorded examples. `bao path-help auth/arvados/PATH` returns the same texts, and so
does the server's OpenAPI document. [Reasons](reasons.md) explains each denial;
[Grants](../guides/grants.md) explains the concepts.

Before you begin: a token with a policy for the path, such as
[`arvados-admin`](../../deploy/cluster/policies/arvados-admin.hcl). `login` needs no token.

- Durations are seconds or strings such as `"10m"` in requests, and seconds in responses.
- Lists are arrays or comma-separated strings, maps are objects or `key=value` strings.
- An update keeps the fields that it leaves out. `config` and `role` refuse unknown fields.
- The examples leave out fields with their default, all but four of the checks, and the key
  `summary`, which has the same data as lines of text.
"""

ROLE = {"bound_group_uuids": ["zzzzz-j7d0g-swqu6hmi4pa7bk7"], "token_ttl": "10m"}
CHECKS_SHOWN = 4
METHODS = {"get": "read", "post": "write", "delete": "delete"}


def run_token(sim) -> str:
    return sim.token("running_container_auth") + "/zzzzz-dz642-runningcontainr"


def samples(sim) -> dict[str, list[tuple[str, str, dict | None]]]:
    """For each path as the document has it: what to ask, in this order."""
    return {
        "config": [("POST", "config", {"arvados_api_host": sim.host, "arvados_ca_cert": "-----BEGIN CERTIFICATE-----...",
                                       "service_token": sim.admin_token, "allowed_policy_prefixes": ["arvados-"]}),
                   ("GET", "config", None)],
        "config/check": [("GET", "config/check", None)],
        "role/{name}": [("POST", "role/genomics", ROLE), ("GET", "role/genomics", None)],
        "role/": [("LIST", "role", None)],
        "login": [("POST", "login", {"token": run_token(sim), "role": "genomics"})],
        "explain": [("POST", "explain", {"container_uuid": "zzzzz-dz642-runningcontainr", "role": "genomics"})],
        "refusals/": [("LIST", "refusals", None)],
        "grants/": [("LIST", "grants", None)],
        "grants/{uuid}": [("GET", "grants/zzzzz-tpzed-xurymjxw79nv3jz", None)],
        "status": [("GET", "status", None)],
        "version": [("GET", "version", None)],
        "version/client-only": [("GET", "version/client-only", None)],
    }


class Steady:
    """What differs from run to run gets one face."""

    def __init__(self, *secrets: tuple[str, str]) -> None:
        self.secrets = secrets

    def apply(self, text: str) -> str:
        for secret, shown in self.secrets:
            text = text.replace(secret, shown)
        text = re.sub(r'"(s\.[A-Za-z0-9]{20,}|b\.[A-Za-z0-9_-]{20,})"', '"s.8FqiN06PmDiFfO0RnDNlPIgC"', text)
        text = re.sub(r'"accessor": "[A-Za-z0-9]+"', '"accessor": "poIUhX8ZMHyntEHcBW26C5Jt"', text)
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "d6b087db-7ce4-48cf-ca86-9fc7d773765f", text)
        text = re.sub(r"localhost:\d+", "arvados.example.org", text)
        text = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-24T12:00:00Z", text)
        text = re.sub(r'"(p50|p99)": \d+', r'"\1": 20', text)
        text = re.sub(r'"200": \d+', '"200": 24', text)
        text = re.sub(r'"latency_buckets_ms": \{[^}]*\}', self.of_24_in_20_ms_each, text)
        text = re.sub(r'"latency_sum_ms": \d+', '"latency_sum_ms": 480', text)
        text = re.sub(r'"commit": "[^"]*"', '"commit": "b466152"', text)
        text = re.sub(r'"plugin": "[^"]*"', '"plugin": "v0.1.0"', text)
        text = re.sub(r'"latency_buckets_ms": \{\n[^}]*\}', '"latency_buckets_ms": {"5": 0, "10": 0, "20": 24, ..., "40960": 24, "inf": 24}', text)
        return re.sub(r"(it expires at) [^\"]*", r"\1 2038-01-01T00:00:00Z", text)

    @staticmethod
    def of_24_in_20_ms_each(buckets: re.Match[str]) -> str:
        return re.sub(r'"(\d+|inf)": \d+', lambda one: f'"{one[1]}": {24 if float(one[1]) >= 20 else 0}', buckets[0])


def field_rows(schema: dict) -> list[str]:
    rows = ["| field | type | default | description |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        kind = {"array": "list", "object": "map"}.get(field["type"], field["type"])
        kind = "duration" if field.get("format") == "seconds" else kind
        default = "required" if name in schema.get("required", []) else json.dumps(field["default"]) if "default" in field else ""
        sensitive = " **Sensitive**: never returned." if field.get("x-vault-displayAttrs", {}).get("sensitive") else ""
        rows.append(f"| `{name}` | {kind} | {f'`{default}`' if default not in ('', 'required') else default} | "
                    f"{field['description'].replace('|', '/')}{sensitive} |")
    return rows


def is_default(field: dict | None, value) -> bool:
    return field is not None and value == field.get("default", {"array": [], "object": {}}.get(field["type"], ""))


def shown(answer, fields: dict) -> dict | None:
    """What `-format=json` would show, without what every response of the server has and what HEAD says is left out."""
    if not answer.content:
        return None
    body = answer.json()
    if isinstance(body.get("data"), dict):
        body["data"].pop("summary", None)
        body["data"] = {key: value for key, value in body["data"].items() if not is_default(fields.get(key), value)}
        body["data"].get("checks", [])[CHECKS_SHOWN:] = []
    return {key: body[key] for key in ("data", "auth", "warnings") if body.get(key)}


def section(path: str, item: dict, mount, calls: list, steady: Steady) -> list[str]:
    operations = [METHODS[method] for method in METHODS if method in item]
    if "get" in item and any(parameter["name"] == "list" for parameter in item["get"].get("parameters", [])):
        operations[operations.index("read")] = "list"
    stranger = ", without a token" if item.get("x-vault-unauthenticated") else ""
    summary = next(item[method]["summary"] for method in METHODS if method in item)
    lines = [f"## `{path.rstrip('/')}`: {', '.join(operations)}{stranger}", "", f"**{summary}** {item['description']}", ""]
    schema = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema:
        lines += [*field_rows(schema), ""]
    fields = schema["properties"] if schema else {}
    for method, where, body in calls:
        lines += sample(method, where, body, mount, steady, fields if method == "GET" else {})
    return lines


def sample(method: str, where: str, body: dict | None, mount, steady: Steady, fields: dict) -> list[str]:
    sent = body if body is None or "arvados_ca_cert" not in body else {**body, "arvados_ca_cert": Path(mount.sim.ca_pem).read_text()}
    answer = mount.bao.call(method, f"auth/{mount.path}/{where}", sent, token="" if where == "login" else None)
    assert answer.status_code in (200, 204), (where, answer.text, mount.reason(answer) if where == "login" else "")
    lines = [f"`{method} /v1/auth/{MOUNT}/{where}`", ""]
    if body is not None:
        lines += ["```json", steady.apply(json.dumps(body, indent=2)), "```", ""]
    got = shown(answer, fields)
    if got is None:
        return [*lines, f"Response: {answer.status_code}.", ""]
    return [*lines, f"Response: {answer.status_code}.", "", "```json", steady.apply(json.dumps(got, indent=2, ensure_ascii=False)), "```", ""]


def written(own_bao, sim) -> str:
    mount = make_mount(own_bao, sim)
    sim.force("zzzzz-dz642-runningcontainr", runtime_user_uuid=sim.user("active"))  # as a container of today has it
    links = [sim.grant("arvados-genomics-ro", "active", properties={"reason": "ticket 12"}),
             sim.grant("arvados-team", "zzzzz-j7d0g-swqu6hmi4pa7bk7"), sim.grant("database-admin", "active")]
    for number, link in enumerate(links, 1):  # their order is that of their uuids
        sim.rename(link["uuid"], f"zzzzz-o0j2j-{number:015d}")
    steady = Steady((sim.admin_token, "v2/zzzzz-gj3su-027z32aux8dg2s1/..."), (mount.path, MOUNT),
                    (run_token(sim), "v2/zzzzz-gj3su-077z32aux8dg2s2/.../zzzzz-dz642-runningcontainr"))
    document = own_bao.call("GET", "sys/internal/specs/openapi").json()["paths"]
    start = f"/auth/{mount.path}/"
    paths = {path.removeprefix(start): item for path, item in document.items() if path.startswith(start)}
    calls = samples(sim)
    assert set(calls) == set(paths), "a path without a sample, or a sample of a path that is gone"
    ca = Path(sim.ca_pem).read_text()
    lines = [HEAD]
    for path, asked in calls.items():
        if path == "refusals/":
            assert mount.login(run_token(sim), role="nobody").status_code == 400
        lines += section(path, paths[path], mount, asked, steady)
    text = "\n".join(lines).rstrip() + "\n"
    return text.replace(json.dumps(ca)[1:-1], "-----BEGIN CERTIFICATE-----...")


def test_the_page_is_what_the_plugin_says(own_bao, sim):
    text = written(own_bao, sim)
    if os.environ.get("VPA_WRITE_DOCS"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
