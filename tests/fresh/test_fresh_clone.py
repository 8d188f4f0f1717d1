"""What a newcomer does: clone, then the first of the README's two commands, in a clean folder with a clean environment.

The second command is what runs this test; CI runs it in a clean clone of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


# Where a system of its own can be made, test_debian.py runs the same demo in one.
in_a_clone = pytest.mark.skipif(os.getuid() == 0 and shutil.which("mmdebstrap") is not None and not os.environ.get("VPA_FRESH"),
                                reason="the demo runs in an empty Debian; scripts/test --all runs it here too")


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
    return subprocess.run([clone / "scripts" / "demo", *arguments], env=keep, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=1500, check=False, stdin=subprocess.DEVNULL)


def demo_is_right(shown: str) -> None:
    assert re.search(r'^policies +\["arvados-genomics-ro" "default"\]$', shown, re.MULTILINE)
    assert "permission denied (" in shown
    assert "grant database-admin dropped: outside_prefix" in shown
    assert "reason=not_container_token" in shown
    assert "Done. Everything that was started is stopped" in shown


@in_a_clone
def test_the_demo_works_in_a_fresh_clone_and_again(clone):
    for _ in range(2):
        answer = demo(clone)
        assert answer.returncode == 0, answer.stdout[-3000:]
        demo_is_right(answer.stdout)


@in_a_clone
def test_the_demo_leaves_nothing_running(clone):
    answer = demo(clone)
    assert answer.returncode == 0
    leftovers = subprocess.run(["pgrep", "-f", str(clone)], capture_output=True, text=True, check=False)
    assert leftovers.stdout == ""


def test_an_unknown_option_is_refused(clone):
    answer = demo(clone, "--nonsense")
    assert answer.returncode == 1 and "--help" in answer.stdout


def test_without_root_a_missing_package_is_named_with_the_command_that_installs_it(clone, tmp_path):
    for name, text in {
        "id": "echo 1000",
        "dpkg-query": 'case "$*" in *libgrpc-dev) exit 1;; *) printf installed;; esac',
        "sudo": "exit 127",
    }.items():
        stub = tmp_path / name
        stub.write_text(f"#!/bin/sh\n{text}\n")
        stub.chmod(0o755)
    (tmp_path / "sudo").unlink()
    tools = ["bash", "dirname", "mkdir", "cat", "sed"]
    for tool in tools:
        (tmp_path / tool).symlink_to(shutil.which(tool))

    answer = subprocess.run([clone / "scripts" / "demo"], env={"PATH": str(tmp_path)}, capture_output=True, text=True,
                            timeout=60, check=False)

    assert answer.returncode == 1
    assert "libgrpc-dev" in answer.stderr
    assert "apt-get install libgrpc-dev" in answer.stderr
