"""What a newcomer does: clone, then the first of the README's two commands, in a clean folder with a clean environment.

The second command is what runs this test; CI runs it in a clean clone of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing to clone")
    target = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(target)], check=True)
    return target


def demo(clone: Path, *arguments: str) -> subprocess.CompletedProcess:
    keep = {key: value for key, value in os.environ.items()
            if key in ("PATH", "HOME", "LANG", "TERM") or key.startswith("PIP_")}
    return subprocess.run([clone / "scripts" / "demo", *arguments], env=keep, capture_output=True, text=True,
                          timeout=1500, check=False, stdin=subprocess.DEVNULL)


def test_the_demo_works_in_a_fresh_clone_and_again(clone):
    for _ in range(2):
        answer = demo(clone)
        assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
        shown = answer.stdout
        assert 'policies           ["arvados-genomics-ro" "default"]' in shown.replace("token_policies", "")
        assert "permission denied (" in shown
        assert "grant database-admin dropped: outside_prefix" in shown
        assert "reason=not_container_token" in shown
        assert "Done. Everything that was started is stopped" in shown


def test_the_demo_leaves_nothing_running(clone):
    answer = demo(clone)
    assert answer.returncode == 0
    leftovers = subprocess.run(["pgrep", "-f", str(clone)], capture_output=True, text=True, check=False)
    assert leftovers.stdout == ""


def test_an_unknown_option_is_refused(clone):
    answer = demo(clone, "--nonsense")
    assert answer.returncode == 1 and "--help" in answer.stderr
