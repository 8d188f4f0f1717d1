"""The Arvados API with Python's standard library alone, for the programs of this folder.

Reads ARVADOS_API_HOST and ARVADOS_API_TOKEN, and SSL_CERT_FILE for a private CA. A failure ends the program with one line.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """An answer of Arvados other than success."""


def call(method: str, path: str, body: dict | None = None, token: str = "", **query: object) -> dict:
    """One request below /arvados/v1, and its answer."""
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
    url = f"https://{variable('ARVADOS_API_HOST')}/arvados/v1/{path}{'?' if words else ''}{urllib.parse.urlencode(words)}"
    headers = {"Authorization": f"Bearer {token or variable('ARVADOS_API_TOKEN')}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method)
    ca_file = os.environ.get("SSL_CERT_FILE") or None
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca_file)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise Refused(f"{refusal.code} {refusal.reason}") from None
    except OSError as failure:
        sys.exit(f"no answer from {os.environ['ARVADOS_API_HOST']}: {failure}")


def variable(name: str) -> str:
    return os.environ.get(name) or sys.exit(f"{name} is not set")


def arguments(usage: str, count: int) -> list[str]:
    """The arguments of the program; --help and a wrong number of them print the usage."""
    given = sys.argv[1:]
    if given in (["-h"], ["--help"]):
        print(usage.strip())
        sys.exit(0)
    if len(given) != count:
        sys.exit(usage.strip())
    return given


def main(program) -> None:
    try:
        program()
    except Refused as refusal:
        sys.exit(f"{os.path.basename(sys.argv[0])}: Arvados refuses the request: {refusal}")
