"""docs/reference/engine-api.md is what the secrets engine says of itself, with answers it really gave.

    VPA_WRITE_DOCS=1 and pytest on this file write the page.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import engine_host
from api_page import Place, Steady, paths_of, section

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/engine-api.md"
MOUNT = "arvados"
USER = "zzzzz-tpzed-xurymjxw79nv3jz"

HEAD = """# API of the secrets engine

**For administrators and developers of clients.** All paths of a mount of the secrets engine at `arvados`,
with their fields and recorded examples. `bao path-help arvados/PATH` returns the same texts, and so does
the server's OpenAPI document. [The secrets engine](../tutorials/engine.md) explains the concepts,
[Reasons](reasons.md) explains each refusal.

- Durations are seconds or strings such as `"10m"` in requests, and seconds in responses.
- Lists are arrays or comma-separated strings.
- An update keeps the fields that it leaves out. `config` and `role` refuse unknown fields.
- To renew and revoke a token, renew and revoke its lease: `bao lease renew`, `bao lease revoke`.
- The examples leave out fields with their default, all but four of the checks, and the key
  `summary`, which has the same data as lines of text.
"""


def samples(engine: engine_host.Engine) -> dict[str, list[tuple[str, str, dict | None]]]:
    """For each path as the document has it: what to ask, in this order."""
    settings = {**engine.settings(request_timeout=None), "arvados_ca_cert": "-----BEGIN CERTIFICATE-----..."}
    return {
        "config": [("POST", "config", settings), ("GET", "config", None)],
        "config/check": [("GET", "config/check", None)],
        "config/rotate-root": [("POST", "config/rotate-root", {})],
        "role/{name}": [("POST", "role/ci", {"user": USER, "scopes": ["GET /arvados/v1/collections/"], "ttl": "1h", "max_ttl": "8h"}),
                        ("GET", "role/ci", None)],
        "role/": [("LIST", "role", None)],
        "creds/{role}": [("GET", "creds/ci", None)],
        "login/{user}": [("POST", f"login/{USER}", {"ttl": "10m"})],
        "revoke": [("POST", "revoke", {"user_token": engine.sim.new_token("active")})],
        "status": [("GET", "status", None)],
        "version": [("GET", "version", None)],
        "version/client-only": [("GET", "version/client-only", None)],
    }


def hide_secrets(text: str) -> str:
    """Uuids and secrets of tokens differ from run to run."""
    text = re.sub(r"v2/zzzzz-gj3su-[a-z0-9]{15}/[a-z0-9]+", "v2/zzzzz-gj3su-0f6qv1uo1f6rsyv/...", text)
    return re.sub(r"zzzzz-gj3su-[a-z0-9]{15}", "zzzzz-gj3su-0f6qv1uo1f6rsyv", text)


def written(own_bao, sim) -> str:
    engine = engine_host.make_engine(own_bao, sim)
    paths, calls = paths_of(own_bao, engine.path), samples(engine)
    assert set(calls) == set(paths), "a path without a sample, or a sample of a path that is gone"
    ca = Path(sim.ca_pem).read_text()
    lines = [HEAD]
    for path, asked in calls.items():
        lines += section(path, paths[path], Place(engine.call, MOUNT, ca), asked, Steady((engine.path, MOUNT)))
    text = hide_secrets("\n".join(lines).rstrip() + "\n")
    return text.replace(json.dumps(ca)[1:-1], "-----BEGIN CERTIFICATE-----...")


def test_the_page_is_what_the_plugin_says(own_bao, sim):
    text = written(own_bao, sim)
    if os.environ.get("VPA_WRITE_DOCS"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
