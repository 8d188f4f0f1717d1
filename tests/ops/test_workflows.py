"""The workflows for GitHub: checked by actionlint, and calling the scripts that a developer calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"


def actionlint() -> str:
    """The one on PATH, or one built by Go in the build folder; skipped where neither is available."""
    folder = Path(os.environ["VPA_BUILD"]).parent / "go"
    found = shutil.which("actionlint") or shutil.which("actionlint", path=str(folder))
    if found:
        return found
    if not shutil.which("go"):
        pytest.skip("neither actionlint nor Go is installed")
    built = subprocess.run(["go", "install", ACTIONLINT], capture_output=True, text=True, check=False,
                           env={**os.environ, "GOBIN": str(folder)})
    if built.returncode != 0:
        pytest.skip(f"actionlint could not be built: {built.stderr[-300:]}")
    return str(folder / "actionlint")


def test_actionlint_finds_nothing():
    checked = subprocess.run([actionlint(), *WORKFLOWS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def steps():
    for file in WORKFLOWS:
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            for step in job["steps"]:
                yield file.name, step


def test_scripts_that_are_called_exist():
    called = {script for _, step in steps() for script in re.findall(r"(?:scripts/|\.ci/)\S+", step.get("run", ""))}
    assert {"scripts/release", ".ci/run"} <= called
    assert [script for script in called if not (ROOT / script).exists()] == []


def test_no_workflow_needs_a_secret():
    assert [file.name for file in WORKFLOWS if "secrets." in file.read_text()] == []


def test_no_job_may_write_unless_it_says_so():
    for file in WORKFLOWS:
        assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}, file.name
