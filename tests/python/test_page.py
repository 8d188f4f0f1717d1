"""docs/tutorials/python.md as its reader follows it: every command and every program, in their order, with an installed wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from python_page import PAGE, PASSWORD, block, follow, prepare


@pytest.fixture
def reader(own_bao, sim, tmp_path):
    """A folder with a new Python environment, a shell in a container, and the secrets that the page speaks of."""
    bao = own_bao
    prepare(bao, sim)
    (tmp_path / "python").symlink_to(ROOT / "python")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/arv-vault").symlink_to(Path(os.environ["VPA_BUILD"]) / "bin/arv-vault")
    dist = tmp_path / "dist"
    subprocess.run([sys.executable, ROOT / "python/build_backend.py", "--out", dist], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv"], check=True)
    env = {
        "PATH": f"{tmp_path}/venv/bin:{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "BAO_ADDR": bao.address,
        "BAO_CACERT": bao.ca, "SSL_CERT_FILE": sim.ca_pem, "ARVADOS_API_HOST": sim.host,
        "ARVADOS_API_TOKEN": sim.run_container("active").token, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(dist),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }

    def run(*command: str, **changes: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env={**env, **changes}, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout

    run.bao, run.sim, run.tmp_path = bao, sim, tmp_path
    return run


def test_the_page_works_as_it_is_written(reader):
    follow(reader, reader.bao, reader.sim, PYTHONPATH=os.pathsep.join(path for path in sys.path if "site-packages" in path))


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r(reader):
    reader("Rscript", "-e", block("r"))


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="Snakemake is not installed")
def test_snakemake(reader):
    (reader.tmp_path / "Snakefile").write_text(block("snakemake"))
    reader("snakemake", "--cores=1", "load")
    assert (reader.tmp_path / "loaded").exists()


@pytest.mark.skipif(shutil.which("nextflow") is None, reason="Nextflow is not installed")
def test_nextflow(reader):
    (reader.tmp_path / "bin/load-data").write_text('#!/bin/sh\ntest -n "$DB_PASSWORD"\n')
    (reader.tmp_path / "bin/load-data").chmod(0o755)
    (reader.tmp_path / "main.nf").write_text(block("groovy") + "\nworkflow { LOAD() }\n")
    reader("nextflow", "run", "main.nf")


def test_the_exceptions_of_the_page_are_those_of_the_package():
    import arvados_vault

    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    public = {name for name in arvados_vault.__all__ if isinstance(getattr(arvados_vault, name), type)
              and issubclass(getattr(arvados_vault, name), arvados_vault.VaultError)}
    assert named == public - {"VaultError", "InternalError"}
