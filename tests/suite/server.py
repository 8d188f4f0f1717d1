"""Which server the tests run against: the program VPA_BAO, otherwise `bao` on PATH; and how HashiCorp's Vault differs from OpenBao."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

LACKING = {
    "needs_inline_auth": "inline authentication",
    "needs_namespaces": "namespaces",
    "needs_standby_plugin": "plugins on standbys",
    "needs_lenient_json": "JSON strings over 1 MiB and duplicate keys",
}


def server_path() -> str:
    found = os.environ.get("VPA_BAO") or shutil.which("bao")
    if not found:
        raise RuntimeError("no bao on PATH; scripts/test puts it there")
    return found


@functools.cache
def version_line(program: str) -> str:
    """Such as "OpenBao v2.7.2 (...)" or "Vault v1.21.4 (...)"."""
    return subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout


def is_vault() -> bool:
    return version_line(server_path()).startswith("Vault ")


def server_lacks() -> list[str]:
    """The marks whose tests this server can't pass."""
    return list(LACKING) if is_vault() else []


# ---- one function for each difference; HashiCorp's Vault as seen with 1.21.4 ----


def audit_stanza(name: str, path: object) -> str:
    """An audit device in the server's configuration. Vault takes them by its API only: audit_request()."""
    return "" if is_vault() else f'audit "file" "{name}" {{ options {{ file_path = "{path}" }} }}\n'


def audit_request(path: object) -> dict | None:
    """The body of a write to sys/audit/NAME that does what the stanza does; None where the configuration has it."""
    return {"type": "file", "options": {"file_path": str(path)}} if is_vault() else None


def token_prefix(kind: str) -> str:
    """What a token begins with, by its type."""
    return ("hv" if is_vault() else "") + {"service": "s.", "batch": "b."}[kind]


def says_plugin_died(text: str) -> bool:
    """Whether an error comes of a plugin whose process ended: gRPC's own word, which Vault does not show to those without a token."""
    return "Unavailable" in text or (is_vault() and "internal error" in text)
