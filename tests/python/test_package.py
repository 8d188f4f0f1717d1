"""The package as it is built and checked: the same bytes each time, true platform tags, types, and each Python that is here."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from conftest import ROOT

PACKAGE = ROOT / "python"
TOOLS = Path(os.environ["VPA_BUILD"]).parent / "venv-python/bin"
MINORS = range(8, 15)
PYENV = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pyenv/versions"  # a test's HOME is another


def backend():
    spec = importlib.util.spec_from_file_location("build_backend", PACKAGE / "build_backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(folder: Path, out: Path, **env: str) -> dict[str, bytes]:
    subprocess.run([sys.executable, folder / "build_backend.py", "--out", out], check=True, capture_output=True, env={**os.environ, **env})
    return {file.name: file.read_bytes() for file in out.iterdir()}


def test_the_same_input_gives_the_same_bytes_wherever_it_is(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "elsewhere/python", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("CMakeLists.txt", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "elsewhere")
    first = build(PACKAGE, tmp_path / "first", SOURCE_DATE_EPOCH="1700000000", TZ="UTC")
    assert first == build(tmp_path / "elsewhere/python", tmp_path / "second", SOURCE_DATE_EPOCH="1700000000", TZ="Asia/Tokyo")
    (sdist,) = (tmp_path / "first").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked")
    (top,) = (tmp_path / "unpacked").iterdir()
    assert first == build(top, tmp_path / "third", SOURCE_DATE_EPOCH="1700000000")
    assert {"pyproject.toml", "LICENSE", "PKG-INFO", "policies"} <= {path.name for path in top.iterdir()}


def static_program(tmp_path: Path, *options: str) -> bytes:
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", *options, "-o", tmp_path / "program", tmp_path / "main.c"], check=True)
    return (tmp_path / "program").read_bytes()


@pytest.mark.parametrize("options", [("-static",), ("-static-pie",)])
def test_a_self_contained_program_runs_with_both_c_libraries(tmp_path, options):
    machine = os.uname().machine
    assert backend().platform_tags(static_program(tmp_path, *options)) == [
        f"{tag}_{machine}" for tag in ("manylinux2014", "manylinux_2_17", "musllinux_1_1")]


def test_a_program_that_needs_something_gets_no_tag(tmp_path):
    library = tmp_path / "library.so"
    library.write_bytes(static_program(tmp_path, "-shared", "-fPIC", "-Wl,--no-as-needed", "-lm"))
    program = bytearray(static_program(tmp_path, "-static"))
    for content, words in ((Path(arv_vault_path()).read_bytes(), "loader"), (library.read_bytes(), "shared libraries"), (b"#!/bin/sh", "ELF")):
        with pytest.raises(ValueError, match=words):
            backend().platform_tags(content)
    note = program.index(b"GNU\0", program.index(b"\x04\0\0\0\x10\0\0\0\x01\0\0\0GNU\0")) + 4
    program[note + 4:note + 8] = (9).to_bytes(4, "little")
    with pytest.raises(ValueError, match="Linux 9"):
        backend().platform_tags(bytes(program))


SMOKE = f"""
import asyncio, pickle, sys
import arvados_vault
from arvados_vault import Job, Vault, aio, testing
assert arvados_vault.get_secret("secret/x#pw") == {SECRET!r}
with Vault(quiet=True, token="s.given") as vault:
    assert vault.get_all_secrets("secret/x") == {{"pw": {SECRET!r}}}
async def read():
    async with aio.Vault() as vault:
        return await asyncio.gather(*(vault.get_secret("secret/x#pw") for _ in range(5)))
assert asyncio.run(read()) == [{SECRET!r}] * 5
try:
    arvados_vault.set_all_secrets("secret/x", {{"a": b""}})
except arvados_vault.InvalidInput as error:
    assert "base64" in str(pickle.loads(pickle.dumps(error)))
with testing.use(testing.FakeVault({{"secret/jobs/t/j": {{"a": "b"}}}})):
    assert Job("t", "j").get_secret("a") == "b"
print("%d.%d" % sys.version_info[:2])
"""


def python_of(minor: int) -> str | None:
    """On PATH, where it may be a shim that leads nowhere, or of pyenv."""
    for found in [shutil.which(f"python3.{minor}"), *map(str, PYENV.glob(f"3.{minor}.*/bin/python"))]:
        if found and subprocess.run([found, "-c", f"import sys; sys.exit(sys.version_info[1] != {minor})"], capture_output=True, check=False).returncode == 0:
            return found
    return None


@pytest.mark.parametrize("minor", MINORS)
def test_it_runs_with_each_python(false_server, tmp_path, minor):
    found = python_of(minor)
    if found is None:
        pytest.skip(f"Python 3.{minor} is not installed")
    build(PACKAGE, tmp_path / "dist")
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    done = subprocess.run([found, "-W", "error", "-c", SMOKE], env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == f"3.{minor}\n" and done.stderr == "", done.stderr


@pytest.mark.parametrize("command", [["mypy"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]], ids=" ".join)
def test_the_checkers_are_content(command, tmp_path):
    if not (TOOLS / command[0]).exists():
        pytest.skip(f"{command[0]} is not installed in build/venv-python (scripts/test installs it)")
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=PACKAGE, capture_output=True, text=True, check=False,
                          env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path), "RUFF_NO_CACHE": "true"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_has_a_docstring():
    import arvados_vault

    assert [name for name in arvados_vault.__all__ if not getattr(arvados_vault, name).__doc__] == []


def test_the_versions_of_python_are_those_of_the_metadata():
    text = backend().metadata("1", "Apache-2.0", []).decode()
    assert [int(minor) for minor in re.findall(r":: Python :: 3\.(\d+)", text)] == list(MINORS)
