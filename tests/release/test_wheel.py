"""The Python wheel of scripts/release-wheel: what is in it, that the same input gives the same bytes, and that it works where there is nothing else."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e"))

from client import SECRET  # noqa: E402
from conftest import false_vault  # noqa: E402, F401

ROOT = TESTS.parent
BUILD = Path(os.environ["VPA_BUILD"])
DIST = BUILD.parent / "dist-python"
READ = f"import arvados_vault; assert arvados_vault.get_secret('secret/x#pw') == {SECRET!r}"


@pytest.fixture(scope="module")
def wheel() -> Path:
    done = subprocess.run([ROOT / "scripts/release-wheel"], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2 and ".whl: OK" in done.stdout
    (file,) = DIST.glob("*.whl")
    return file


def content(wheel: Path, pattern: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if re.search(pattern, name)}


def test_it_holds_the_self_contained_program(wheel):
    ((name, program),) = content(wheel, r"\.data/scripts/").items()
    assert name.endswith("/arv-vault") and program == (BUILD / "bin/arv-vault").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        assert stat.S_IMODE(archive.getinfo(name).external_attr >> 16) == 0o755
    assert wheel.name.endswith(f"-py3-none-manylinux2014_{os.uname().machine}.manylinux_2_17_{os.uname().machine}.musllinux_1_1_{os.uname().machine}.whl")


def test_its_record_is_true(wheel):
    ((record, rows),) = content(wheel, r"/RECORD$").items()
    listed = {row[0]: row[1] for row in csv.reader(rows.decode().splitlines())}
    files = content(wheel, "")
    assert set(listed) == set(files) and listed.pop(record) == ""
    for name, digest in listed.items():
        assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()


def test_it_tells_what_it_is_made_of(wheel):
    parts = {row.split("\t")[1] for row in (BUILD / "linked.tsv").read_text().splitlines() if row.startswith("arv-vault\t")}
    (sbom,) = (json.loads(text) for text in content(wheel, r"/sboms/arv-vault\.cdx\.json$").values())
    assert {part["name"] for part in sbom["components"]} == parts | {"arv-vault"}
    licences = {Path(name).name for name in content(wheel, r"/licenses/")}
    assert parts | {"LICENSE"} <= licences
    (metadata,) = (text.decode() for text in content(wheel, r"/METADATA$").values())
    (expression,) = re.findall(r"^License-Expression: (.*)$", metadata, re.MULTILINE)
    assert "Apache-2.0" in expression and "LGPL-2.1-or-later" in expression
    for name in re.findall(r"^License-File: (.*)$", metadata, re.MULTILINE):
        assert content(wheel, rf"/licenses/{re.escape(name)}$")


def install(folder: Path, wheel: Path, *options: str) -> Path:
    """A Python environment with nothing but the wheel. The machine's registry is not asked."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/pip", "install", "--no-index", "--disable-pip-version-check", *options, wheel], check=True, capture_output=True)
    return folder / "bin"


@pytest.fixture
def answers(false_vault):  # noqa: F811
    from false_vault import plain, secret

    false_vault.answers[:0] = [("/data/x ", plain(200, secret()))]
    return false_vault


def test_installed_it_brings_the_client_and_the_library(answers, tmp_path, wheel):
    where = install(tmp_path / "venv", wheel)
    env = answers.client.environment(PATH=str(tmp_path))
    assert subprocess.run([where / "arv-vault", "get", "secret/x#pw"], env=env, capture_output=True, text=True, check=True).stdout == SECRET
    subprocess.run([where / "python", "-c", READ], env=env, check=True)
    assert "arv-vault" in subprocess.run([where / "python", "-m", "arvados_vault", "version"], env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("option", ["--target", "--prefix"])
def test_the_program_is_found_wherever_it_was_installed(answers, tmp_path, wheel, option):
    where = install(tmp_path / "venv", wheel, f"{option}={tmp_path}/there")
    (package,) = (tmp_path / "there").rglob("arvados_vault")
    subprocess.run([where / "python", "-c", READ], env=answers.client.environment(PATH="/nonexistent", PYTHONPATH=str(package.parent)), check=True)


def test_the_source_distribution_takes_the_program_of_path(answers, tmp_path, wheel):
    (sdist,) = DIST.glob("*.tar.gz")
    where = install(tmp_path / "venv", sdist)
    assert not (where / "arv-vault").exists()
    done = subprocess.run([where / "python", "-c", READ], env=answers.client.environment(PATH="/nonexistent"), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "ConfigurationError: no arv-vault program" in done.stderr
    subprocess.run([where / "python", "-c", READ], env=answers.client.environment(PATH=f"{BUILD}/bin"), check=True)


SUITES = ["bullseye", "bookworm"]


@pytest.mark.parametrize("suite", SUITES)
def test_it_works_in_a_bare_debian(answers, tmp_path, wheel, suite):
    """Only Python, pip and certificates; the network is the machine's."""
    folder = os.environ.get("VPA_ROOTS")
    if not folder or not (Path(folder) / suite).exists():
        pytest.skip(f"VPA_ROOTS names no folder with a Debian {suite} (mmdebstrap --include=python3-pip,ca-certificates)")
    root = Path(folder) / suite
    for file in (wheel, Path(answers.ca)):
        shutil.copy(file, root / "tmp" / file.name)
    inside = ["chroot", root, "/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"]
    given = [f"{name}={value}" for name, value in answers.client.environment(BAO_CACERT=f"/tmp/{Path(answers.ca).name}").items()
             if name.startswith(("BAO_", "ARVADOS_"))]
    breaks = ["--break-system-packages"] if suite != "bullseye" else []
    subprocess.run([*inside, "pip3", "install", "--no-index", "--force-reinstall", *breaks, f"/tmp/{wheel.name}"], check=True, capture_output=True)
    subprocess.run([*inside, *given, "python3", "-c", READ], check=True)
    assert subprocess.run([*inside, *given, "arv-vault", "get", "secret/x#pw"], check=True, capture_output=True, text=True).stdout == SECRET
