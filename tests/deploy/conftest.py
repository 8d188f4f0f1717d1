"""What the end-to-end tests have, for what lies under deploy/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

# The modules beside the end-to-end tests take theirs from a module of this one's name.
from e2e.conftest import (Mount, bao, bare_mount, mount, own_bao, plugin_path, sanitizer_env,  # noqa: E402,F401
                          sim)

ROOT = Path(__file__).resolve().parents[2]
# What scripts/test makes for these tests alone: Ansible and its lint, a parser for Terraform.
TOOLS = Path(os.environ["VPA_BUILD"]).parent / "venv-setup/bin"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def known_fields(path: str) -> dict[str, str]:
    """The fields of one path and their types, as docs/reference/api.md tells them; that page is compared with the plugin at each run of its test."""
    section = (ROOT / "docs/reference/api.md").read_text().split(f"\n## `{path}`")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))


def plugin_version() -> str:
    """As the program tells it."""
    return subprocess.run([plugin_path(), "-version"], capture_output=True, text=True, check=True).stdout.split()[1]


def register_nothing(server) -> None:
    """The catalog has no version of the plugin."""
    server.call("DELETE", f"sys/plugins/catalog/auth/arvados?version={plugin_version()}")


@pytest.fixture
def follow(tmp_path):
    """Runs the commands of a page in their order, from a tree laid out as its reader has it; what they printed."""
    for name in ("docs", "deploy", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)

    def run(page: str, **env: str) -> str:
        usual = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        found = BLOCK.findall((ROOT / page).read_text())
        assert found, f"{page} has no commands"
        printed = ""
        for text in found:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, env={**usual, **env}, capture_output=True,
                                  text=True, timeout=600, check=False)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            printed += done.stdout
        return printed

    return run
