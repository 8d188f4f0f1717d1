"""What a developer is told: docs/guides/development.md, the scripts' own words, the templates; and that scripts/check notices what it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS), str(TESTS / "lint")]

from monitoring import ROOT  # noqa: E402
from pages import rows  # noqa: E402
from test_docs import BLOCK  # noqa: E402

PAGE = (ROOT / "docs/guides/development.md").read_text()
SCRIPTS = sorted(path for folder in ("scripts", "deploy") for path in (ROOT / folder).rglob("*")
                 if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK) and "lib" not in path.parts)
# They stand in for another program and hand every argument on to it.
STAND_INS = {"arv-vault-oci", "singularity"}
ANSWERING = [script for script in SCRIPTS if script.name not in STAND_INS]


def run(*command: str | Path, cwd: Path = ROOT, timeout: int = 900, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=timeout, check=False)


# ---- the page ----


def test_its_commands_work():
    (text,) = BLOCK.findall(PAGE)
    answer = run("bash", "-euo", "pipefail", "-c", text)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    assert "PASSED" in answer.stderr and re.search(r"\d passed", answer.stdout) and "files looked at" in answer.stdout


def test_each_command_of_the_table_is_one_that_its_script_knows():
    commands = re.findall(r"`(scripts/[^`]+)`", PAGE.split("## I want to")[1].split("\n## ")[0])
    assert len(commands) > 20
    for command in commands:
        script, *words = command.split()
        assert os.access(ROOT / script, os.X_OK), script
        known = run(ROOT / script, "--help").stdout
        if script == "scripts/dev":
            assert words[0] in known, command
        for word in words:
            assert not word.startswith("--") or word in known, command


def test_every_file_and_function_that_it_names_is_there():
    for path in set(re.findall(r"`((?:src|include|tests|docs|deploy)/[\w./-]+\.\w+)`", PAGE)) - {"src/auth/metrics.c"}:
        assert (ROOT / path).exists(), path
    source = "".join(path.read_text() for folder in ("src", "include") for path in (ROOT / folder).rglob("*.[ch]"))
    for name in re.findall(r"`(\w+)\(\)`", PAGE):
        assert f"{name}(" in source or name == "samples", name


# ---- scripts ----


@pytest.mark.parametrize("script", ANSWERING, ids=lambda script: str(script.relative_to(ROOT)))
def test_each_script_tells_what_it_is_for_and_does_nothing_else(script, tmp_path):
    answer = run(script, "--help", timeout=60, VPA_BUILD_ROOT=str(tmp_path / "build"))
    assert answer.returncode == 0 and len(answer.stdout) > 40, answer.stdout + answer.stderr
    assert not (tmp_path / "build").exists(), "asked for help, it began to work"


def test_the_table_has_a_line_of_words_for_each_script():
    shown = dict(re.match(r"(\S+) +(.*)", line).groups() for line in run(ROOT / "scripts/dev", "help").stdout.splitlines())
    assert set(shown) == {str(script.relative_to(ROOT)) for script in SCRIPTS}
    assert [name for name, words in shown.items() if len(words) < 20] == []


def test_the_scripts_pass_shellcheck():
    scripts = [path for path in [*SCRIPTS, *(ROOT / "scripts/lib").glob("*.sh")] if re.match(rb"#!.*\b(ba)?sh\b|# shellcheck shell", path.read_bytes())]
    assert len(scripts) > 10
    answer = run("shellcheck", "--severity=warning", "-x", *scripts)
    assert answer.returncode == 0, answer.stdout


def test_an_unknown_command_is_refused():
    for command in (["scripts/dev", "nonsense"], ["scripts/dev", "build", "nonsense"], ["scripts/check", "--nonsense"], ["scripts/dev", "help", "x"],
                    ["scripts/dev", "analyse", "x"], ["scripts/dev", "memcheck", "x"], ["scripts/test", "nonsense"], ["scripts/test", "--nonsense"]):
        answer = run(ROOT / command[0], *command[1:], timeout=60)
        assert answer.returncode not in (0, 127) and "--help" in answer.stderr, command


# ---- scripts/check ----


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A checkout of what is here, changes included."""
    target = tmp_path_factory.mktemp("check") / "tree"
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", ":!tests/fuzz/corpus").stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x"]):
        assert run("git", *command, cwd=target).returncode == 0
    return target


# What is planted at one time, and the lints that must notice their part of it.
PLANTED = [
    ({"src/policy/name.c": '#include "vp/http.h"\nint f(  int c ) { return tolower(c); }\n'}, {"clang-format", "layers", "banned"}),
    ({"scripts/demo": 'for i in $(ls); do echo "$i"; unused=1; done\n', "docs/guides/grants.md": "blanks \n"}, {"shellcheck", "texts"}),
    ({"tests/e2e/host.py": "def f(:\n"}, {"texts"}),
    ({"docs/reference/arv-vault-spec.schema.json": "}\n"}, {"texts"}),
    ({"deploy/monitoring/alerts.yml": "a: [\n"}, {"texts"}),
    ({"docs/guides/grants.md": "<<<<<<< ours\n"}, {"texts"}),
]


def test_nothing_changed_is_good(tree):
    answer = run("scripts/check", cwd=tree)
    assert answer.returncode == 0 and "0 files looked at" in answer.stdout, answer.stdout + answer.stderr


@pytest.mark.parametrize(("lines", "lints"), PLANTED, ids=range(len(PLANTED)))
def test_what_it_is_for_is_noticed(tree, lines, lints):
    before = {file: (tree / file).read_text() for file in lines}
    try:
        for file, line in lines.items():
            (tree / file).write_text(before[file] + line)
        answer = run("scripts/check", cwd=tree)
    finally:
        for file, text in before.items():
            (tree / file).write_text(text)
    assert answer.returncode == 1 and set(re.findall(r"^FAILED  (\S+)", answer.stdout, re.MULTILINE)) == lints, answer.stdout + answer.stderr
    assert all(file in answer.stdout for file in lines)


# ---- templates and settings ----

KINDS = {"markdown": {"value"}, "input": {"label"}, "textarea": {"label"}, "dropdown": {"label", "options"}}


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_a_template_is_of_the_form_that_the_forge_takes(name):
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE" / name).read_text())
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "title", "labels", "body"}
    ids = [item["id"] for item in form["body"] if item["type"] != "markdown"]
    assert ids and len(ids) == len(set(ids))
    for item in form["body"]:
        assert KINDS[item["type"]] <= set(item["attributes"]) <= {"value", "label", "description", "options", "render", "placeholder"}
        assert set(item) <= {"type", "id", "attributes", "validations"}


def test_a_hole_is_not_reported_where_all_can_read_it():
    bug = (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text()
    security = (ROOT / "SECURITY.md").read_text()
    assert "SECURITY.md" in bug and "Report a vulnerability" in security
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", security), "no address was invented"


def test_the_hook_before_a_commit_is_of_this_tree():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert {"id", "name", "entry", "language"} <= set(hook) and os.access(ROOT / hook["entry"], os.X_OK)


def test_the_changelog_is_of_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Breaking"}


def test_links_of_the_root_pages_lead_somewhere():
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_version_of_a_record_is_the_one_told():
    number = re.search(r"RECORD_VERSION = (\d+)", (ROOT / "src/mount/record.c").read_text())[1]
    assert f'"record_version": {number},' in (ROOT / "docs/reference/versioning.md").read_text()
    assert len(rows((ROOT / "docs/reference/versioning.md").read_text())) > 5
