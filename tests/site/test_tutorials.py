"""Each tutorial, the runbook and the upgrade page, followed to the letter: what stands there works, and does what the page says it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e")]

from conftest import Mount, own_bao, plugin_path, sim  # noqa: E402, F401  fixtures, found by their names here
from client import arv_vault_path  # noqa: E402
from host import bao_path  # noqa: E402
from processes import wait_until  # noqa: E402
from reader import ROOT, Reader  # noqa: E402
from simulator import Simulator  # noqa: E402


def test_quick_start(tmp_path):
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG") or key.startswith("PIP_")}
    reader = Reader(ROOT, tmp_path / "state", kept)
    try:
        shown = reader.follow("tutorials/quick-start.md")
    finally:  # a reader who is stuck in the middle ends the demo too
        reader.type('[ ! -f "${DEMO:-/none}/stop" ] || sh "$DEMO/stop"', {})
    assert "a password of 13 characters" in shown["Be the container"]
    assert "permission denied" in shown["Take the grant away"] and "exit status 77" in shown["Take the grant away"]
    assert "reason=no_grant" in shown["Take the grant away"]
