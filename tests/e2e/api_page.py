"""Pages of reference that say what a plugin says of itself, with answers it really gave."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Callable

CHECKS_SHOWN = 4
METHODS = {"get": "read", "post": "write", "delete": "delete"}


@dataclass
class Place:
    """A mount: how its paths are called, and the name that a page gives it."""

    call: Callable  # method, path, body
    shown: str
    ca_cert: str


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
        text = re.sub(r'("lease_id": ".*/)[A-Za-z0-9]{24}"', r'\1DAGuiYIPb1RDA5OXk8XGkOpg"', text)
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
    return {key: body[key] for key in ("lease_id", "lease_duration", "renewable", "data", "auth", "warnings") if body.get(key)}


def section(path: str, item: dict, place: Place, calls: list, steady: Steady) -> list[str]:
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
        lines += sample(method, where, body, place, steady, fields if method == "GET" else {})
    return lines


def sample(method: str, where: str, body: dict | None, place: Place, steady: Steady, fields: dict) -> list[str]:
    sent = body if body is None or "arvados_ca_cert" not in body else {**body, "arvados_ca_cert": place.ca_cert}
    answer = place.call(method, where, sent)
    assert answer.status_code in (200, 204), (where, answer.text)
    lines = [f"`{method} /v1/{place.shown}/{where}`", ""]
    if body is not None:
        lines += ["```json", steady.apply(json.dumps(body, indent=2)), "```", ""]
    got = shown(answer, fields)
    if got is None:
        return [*lines, f"Response: {answer.status_code}.", ""]
    return [*lines, f"Response: {answer.status_code}.", "", "```json", steady.apply(json.dumps(got, indent=2, ensure_ascii=False)), "```", ""]


def paths_of(bao, point: str) -> dict:
    """The paths of one mount, by the OpenAPI document of the server."""
    document = bao.call("GET", "sys/internal/specs/openapi").json()["paths"]
    start = f"/{point}/"
    return {path.removeprefix(start): item for path, item in document.items() if path.startswith(start)}
