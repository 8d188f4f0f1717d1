"""The README's two commands in an empty Debian: a root that mmdebstrap makes, with nothing in it but apt.

With each `scripts/test`: the demo (twice) and the unit programs in Debian 13. With `scripts/test --all` (VPA_FRESH=all): both
commands in Debian 12 and in Debian 13.

Where this machine has its packages from, apt and pip in the root have them from too; it is copied when the root is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from test_fresh_clone import demo_is_right

ROOT = Path(__file__).resolve().parents[2]
KEY = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
# Mounts are of a namespace of its own, so they go with the last process in it.
INSIDE = """
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount --rbind /sys "$1/sys"
    mount -t tmpfs tmpfs "$1/dev/shm"
    root=$1
    shift
    exec chroot "$root" "$@"
"""
# What apt and pip are told on this machine: proxies, mirrors.
SETTINGS = ["/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf"]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def sources(release: str) -> str:
    """This machine's places of Debian's packages, with those of another release."""
    lists = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI) $(RELEASE)",
                            "Created-By: Packages"], check=True, capture_output=True, text=True).stdout
    lines = []
    for origin, _, component, place, suite in (line.split() for line in lists.splitlines()):
        own = suite.split("-")[0]
        if origin == "Debian" and component == "main":
            lines.append(f"deb {KEY} {place} {suite.replace(own, release)} main\n")
    assert lines, "apt names no place of Debian's packages"
    return "".join(sorted(set(lines)))


class Empty:
    """A Debian with nothing in it, and a clone of this tree in its /root/clone."""

    def __init__(self, release: str, folder: Path):
        self.root = folder / release
        listed = folder / "sources.list"
        listed.write_text(sources(release))
        made = subprocess.run(["mmdebstrap", "--mode=root", "--variant=apt", release, self.root, listed], capture_output=True, text=True,
                              check=False)
        assert made.returncode == 0, made.stderr[-3000:]
        self.env = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        copies = [*SETTINGS, *(value for key, value in self.env.items() if key in ("PIP_FIND_LINKS", "PIP_CONFIG_FILE")),
                  *(str(path) for path in Path("/etc/apt/apt.conf.d").iterdir() if "proxy" in path.read_text().lower())]
        for path in map(Path, copies):
            target = self.root / str(path).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target, dirs_exist_ok=True)
            elif path.is_file():
                shutil.copy(path, target)
        # At a place of its own: the package ca-certificates writes the usual one.
        shutil.copy(AUTHORITIES, self.root / "root/authorities.pem")
        self.env["PIP_CERT"] = "/root/authorities.pem"
        subprocess.run(["git", "clone", "-q", ROOT, self.root / "root/clone"], check=True)

    def run(self, command: str) -> str:
        """What it shows; how long it took is for the reader of the results."""
        begin = time.monotonic()
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", INSIDE, "sh", self.root,
                               "/bin/sh", "-euc", f"cd /root/clone; {command}"],
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **self.env},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False)
        print(f"{self.root.name}: {command}: {time.monotonic() - begin:.0f} s, status {done.returncode}")
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def leftovers(self, command: str) -> list[str]:
        """The programs of the clone that still run after the command."""
        shown = self.run(f"{command} >/dev/null; readlink /proc/[0-9]*/exe; true")
        return [line for line in shown.splitlines() if line.startswith("/root/clone/")]


@pytest.fixture
def empty(request, tmp_path) -> Iterator[Empty]:
    if os.getuid() != 0:
        pytest.skip("only root can make a system")
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing to clone")
    root = tmp_path / request.param
    try:
        yield Empty(request.param, tmp_path)
    finally:
        assert str(root) not in Path("/proc/mounts").read_text()
        shutil.rmtree(root, ignore_errors=True)  # pytest keeps the folders of past runs


@pytest.mark.parametrize("empty", ["trixie"], indirect=True)
def test_the_demo_and_the_unit_programs_in_debian_13(empty):
    demo_is_right(empty.run("scripts/demo"))
    demo_is_right(empty.run("scripts/demo"))
    assert empty.leftovers("scripts/demo") == []
    assert "100% tests passed" in empty.run("ctest --test-dir build/release --output-on-failure")


@pytest.mark.skipif(not os.environ.get("VPA_FRESH"), reason="takes long: scripts/test --all runs it")
@pytest.mark.parametrize("empty", ["bookworm", "trixie"], indirect=True)
def test_both_commands_of_the_readme(empty):
    demo_is_right(empty.run("scripts/demo"))
    assert " passed, 0 failed" in empty.run("scripts/test --quick")
