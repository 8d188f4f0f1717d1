"""What is written in Go: the plugin that users would otherwise take, built from its module as its makers publish it, and a server that
speaks HTTP/2. Built outside of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MODULE = "github.com/hashicorp/vault-plugin-auth-kubernetes"
VERSION = "v0.23.1"


def build_http2(directory: Path) -> Path | None:
    if not shutil.which("go"):
        return None
    directory.mkdir(parents=True, exist_ok=True)
    binary = directory / "bench-http2"
    subprocess.run(["go", "build", "-o", binary, Path(__file__).parent / "http2/main.go"], check=True)
    return binary


def build(directory: Path) -> Path | None:
    """Its file, or None with a word why. Minutes the first time."""
    binary = directory / f"{MODULE.rsplit('/', 1)[1]}-{VERSION}"
    if binary.exists():
        return binary
    if not shutil.which("go"):
        print("There is no Go here, so the Go plugin is not built and the comparison leaves it out.", file=sys.stderr)
        return None
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "go.mod").write_text("module peer\n\ngo 1.24\n")
    command = f"{MODULE}/cmd/{MODULE.rsplit('/', 1)[1]}"
    env = {**os.environ, "CGO_ENABLED": "0"}
    print(f"Building {MODULE} {VERSION} (minutes, once)", file=sys.stderr, flush=True)
    subprocess.run(["go", "get", f"{command}@{VERSION}"], cwd=directory, env=env, check=True, capture_output=True)
    subprocess.run(["go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, command], cwd=directory, env=env, check=True)
    return binary
