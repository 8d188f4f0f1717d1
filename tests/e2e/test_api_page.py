"""docs/reference/api.md is what the plugin says of itself, with answers it really gave.

    VPA_WRITE_DOCS=1 scripts/test   (or pytest on this file) writes the page anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from api_page import Place, Steady, paths_of, section
from conftest import make_mount

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/api.md"
MOUNT = "arvados"

HEAD = """# API

**For administrators and developers of clients.** All paths of an auth mount at `auth/arvados`, with
their fields and recorded examples. `bao path-help auth/arvados/PATH` returns the same texts, and so
does the server's OpenAPI document. [Reasons](reasons.md) explains each denial;
[Grants](../guides/grants.md) explains the concepts.

Before you begin: a token with a policy for the path, such as
[`method-admin`](../../deploy/policies/method-admin.hcl). `login` needs no token.

- Durations are seconds or strings such as `"10m"` in requests, and seconds in responses.
- Lists are arrays or comma-separated strings, maps are objects or `key=value` strings.
- An update keeps the fields that it leaves out. `config` and `role` refuse unknown fields.
- The examples leave out fields with their default, all but four of the checks, and the key
  `summary`, which has the same data as lines of text.
"""

ROLE = {"bound_group_uuids": ["zzzzz-j7d0g-swqu6hmi4pa7bk7"], "token_ttl": "10m"}


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


def written(own_bao, sim) -> str:
    mount = make_mount(own_bao, sim)
    sim.force("zzzzz-dz642-runningcontainr", runtime_user_uuid=sim.user("active"))  # as a container of today has it
    links = [sim.grant("arvados-genomics-ro", "active", properties={"reason": "ticket 12"}),
             sim.grant("arvados-team", "zzzzz-j7d0g-swqu6hmi4pa7bk7"), sim.grant("database-admin", "active")]
    for number, link in enumerate(links, 1):  # their order is that of their uuids
        sim.rename(link["uuid"], f"zzzzz-o0j2j-{number:015d}")
    steady = Steady((sim.admin_token, "v2/zzzzz-gj3su-027z32aux8dg2s1/..."), (mount.path, MOUNT),
                    (run_token(sim), "v2/zzzzz-gj3su-077z32aux8dg2s2/.../zzzzz-dz642-runningcontainr"))
    paths = paths_of(own_bao, f"auth/{mount.path}")
    calls = samples(sim)
    assert set(calls) == set(paths), "a path without a sample, or a sample of a path that is gone"
    ca = Path(sim.ca_pem).read_text()

    def call(method: str, where: str, body: dict | None):
        return own_bao.call(method, f"auth/{mount.path}/{where}", body, token="" if where == "login" else None)

    place = Place(call, f"auth/{MOUNT}", ca)
    lines = [HEAD]
    for path, asked in calls.items():
        if path == "refusals/":
            assert mount.login(run_token(sim), role="nobody").status_code == 400
        lines += section(path, paths[path], place, asked, steady)
    text = "\n".join(lines).rstrip() + "\n"
    return text.replace(json.dumps(ca)[1:-1], "-----BEGIN CERTIFICATE-----...")


def test_the_page_is_what_the_plugin_says(own_bao, sim):
    text = written(own_bao, sim)
    if os.environ.get("VPA_WRITE_DOCS"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
