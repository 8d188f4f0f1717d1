"""Tests see nothing of the user who runs them: an own HOME, and none of the variables that steer OpenBao, Vault or Arvados clients.

A Vault administrator has a ~/.vault-token and VAULT_ADDR of some other server, an Arvados user has ~/.config/arvados/settings.conf. With those
in effect, a test would talk to a real site or fail."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOREIGN = ("BAO_", "VAULT_", "ARVADOS_", "ARV_VAULT_")
LOOPBACK = "127.0.0.1,localhost,::1"
MARK = "VPA_TEST_HOME"


def clean_environment(environment: dict[str, str], home: Path) -> dict[str, str]:
    """The same environment with `home` as HOME and without foreign settings. Pip and git keep the configuration of the real home."""
    kept = {name: value for name, value in environment.items() if not name.startswith(FOREIGN)}
    real = Path(environment.get("HOME", "/nonexistent"))
    kept.setdefault("PIP_CACHE_DIR", str(real / ".cache/pip"))
    for name, places in {"PIP_CONFIG_FILE": (".config/pip/pip.conf", ".pip/pip.conf"), "GIT_CONFIG_GLOBAL": (".gitconfig", ".config/git/config")}.items():
        found = [real / place for place in places if (real / place).is_file()]
        if found:
            kept.setdefault(name, str(found[0]))
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, [kept.get(name), LOOPBACK]))
    return {**kept, "HOME": str(home), MARK: str(home)}


def shut_out_user() -> None:
    """Applies clean_environment() to this process and its children; a second call in the process or in a child changes nothing."""
    if os.environ.get("HOME") == os.environ.get(MARK, ""):
        return
    home = Path(tempfile.mkdtemp(prefix="vpa-home-"))
    creator = os.getpid()
    atexit.register(lambda: os.getpid() == creator and shutil.rmtree(home, ignore_errors=True))
    cleaned = clean_environment(dict(os.environ), home)
    os.environ.clear()
    os.environ.update(cleaned)
