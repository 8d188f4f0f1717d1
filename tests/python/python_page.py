"""What docs/tutorials/python.md shows, and the servers that its reader has: for the tests that follow the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tutorials/python.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PASSWORD = "geheim7f3a9c"


def block(language: str) -> str:
    return next(text for name, text in BLOCKS if name == language)


def prepare(bao, sim) -> None:
    """The mounts, secrets and policies that the page speaks of; the container's user has a grant for each policy."""
    for path in ("arvados", "arvados-users"):
        assert bao.enable(path).status_code == 204
        body = {"arvados_api_host": sim.host, "arvados_ca_cert": Path(sim.ca_pem).read_text(), "service_token": sim.admin_token,
                "allowed_policy_prefixes": ["arvados-"], "login_kind": "user" if path == "arvados-users" else "container"}
        assert bao.call("POST", f"auth/{path}/config", body).status_code in (200, 204)
    bao.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    rules = {"genomics": '"read"', "shared": '"create", "read", "update"', "users": '"create", "read", "update"'}
    bao.call("POST", "sys/policies/acl/arvados-page", {"policy": "\n".join(
        f'path "secret/data/{folder}/*" {{ capabilities = [{rights}] }}' for folder, rights in rules.items())})
    bao.call("POST", "secret/data/genomics/db", {"data": {"password": PASSWORD, "user": "ann"}})
    for policy in ("arvados-page", "arvados-jobs-genomics"):
        sim.grant(policy, sim.user("active"))


def follow(run: Callable[..., str], bao, sim, **for_pytest: str) -> None:
    """Runs the shell and Python blocks in their order. VDK's own blocks are run by test_vdk.py."""
    printed = ""
    for language, text in BLOCKS:
        if language == "sh":
            printed += run("bash", "-euo", "pipefail", "-c", text, **({"BAO_TOKEN": bao.root_token} if "bao " in text else {}))
        if language == "python" and "job_input" not in text:
            changes = {}
            if "getpass" in text:
                text = "import getpass\ngetpass.getpass = lambda prompt: 'typed'\n" + text
                changes["ARVADOS_API_TOKEN"] = sim.active_token
            if "import pytest" in text:
                changes.update(for_pytest)
            printed += run("python3", "-c", text, **changes)
    assert "fields=['password', 'user']" in printed
    assert bao.call("GET", "secret/data/users/ann/db").json()["data"]["data"] == {"password": "typed"}
    assert bao.call("GET", "secret/data/shared/db").json()["data"]["data"] == {"password": "correct horse", "user": "ann"}
