"""What scripts/release made, found by what the page says of its names, and the page itself.

VPA_BUILD names the folder of the self-contained build, as for tests/release."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e")]

ROOT = TESTS.parent
DIST = Path(os.environ["VPA_BUILD"]).parent / "dist"
PLUGIN = "vault-plugin-auth-arvados"
ENGINE = "vault-plugin-secrets-arvados"  # in the package of the other plugin
CLIENT = "arv-vault"
PAGE = ROOT / "docs/guides/release.md"


def the_one(pattern: str) -> Path:
    (found,) = DIST.glob(pattern)
    return found


def package(name: str) -> Path:
    return the_one(f"{name}_*_{architecture()}.deb")


def bare(name: str) -> Path:
    return the_one(f"{name}_*_linux_{architecture()}")


def architecture() -> str:
    return run("dpkg", "--print-architecture").strip()


def has_arm64() -> bool:
    """Whether scripts/release was called with --arm64."""
    return (DIST / "parts-arm64.txt").exists()


def version() -> str:
    return bare(PLUGIN).name.split("_")[1]


def project_version() -> str:
    (found,) = re.findall(r"^project\(\S+ VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    return found


def sums(name: str = "SHA256SUMS") -> dict[str, str]:
    """Sum by file."""
    pairs = (line.split("  ", 1) for line in (DIST / name).read_text().splitlines())
    return {file: found for found, file in pairs}


def run(*words: str | Path, **options) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


def page_block(containing: str) -> str:
    """The one block of commands of the page that is that text, or has it."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    texts = [textwrap.dedent(text) for _, text in found]
    (block,) = [text for text in texts if text == containing] or [text for text in texts if containing in text]
    return block


def page_stanza(containing: str) -> str:
    """The one block of configuration of the page that has that text."""
    found = re.findall(r"^```hcl\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (stanza,) = [block for block in found if containing in block]
    return stanza
