"""The lints pass on the tree, and each catches what it is for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTS = ["layers", "headers", "banned"]


def run(lint: str, tree: Path) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "tests/lint" / f"{lint}.sh", tree], capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path) -> Path:
    for folder in ("src", "include", "cmake", "proto"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("lint", LINTS)
def test_the_tree_passes(lint):
    answer = run(lint, ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


PLANTED = [
    ("layers", "src/policy/name.c", '#include "vp/json.h"\n#include "vp/http.h"', "policy/name.c"),
    ("layers", "src/base/buf.c", '#include "vp/policy.h"', "base/buf.c"),
    ("layers", "src/logical/field.c", '#include "vp/plugin.h"', "logical/field.c"),
    ("layers", "src/auth/path_login.c", "#include <curl/curl.h>", "auth/path_login.c"),
    ("layers", "src/arvados/link.c", "#include <json-c/json.h>", "arvados/link.c"),
    ("layers", "src/base/json.c", "#include <openssl/ssl.h>", "base/json.c"),
    ("layers", "src/plugin/server.c", '#include "identity.h"', "plugin/server.c"),
    ("layers", "src/tokens/mint.c", '#include "vp/auth.h"', "tokens/mint.c"),
    ("layers", "src/mount/record.c", '#include "vp/tokens.h"', "mount/record.c"),
    ("layers", "src/newroom/new.c", '#include "vp/error.h"', "newroom"),
    ("headers", "include/vp/alone.h", "#pragma once\nstruct x { struct vp_buf buf; };", "alone.h"),
    ("banned", "src/auth/path_login.c", "void f(char *a) { strcpy(a, a); }", "auth/path_login.c"),
    ("banned", "src/auth/path_login.c", "int f(void) { goto out; out: return 1; }", "auth/path_login.c"),
    ("banned", "src/auth/path_login.c", "const char *f(void) { return vp_secret_reveal(0); }", "auth/path_login.c"),
    ("banned", "src/auth/path_login.c", "int f(int *err) { return err != NULL; }", "auth/path_login.c"),
    ("banned", "src/base/log.c", "void f(void) { fprintf(stderr, 0); }", "base/log.c"),
    ("banned", "src/http/round.c", "int f(void) { return system(0); }", "http/round.c"),
    ("banned", "src/policy/name.c", "int f(int c) { return tolower(c); }", "policy/name.c"),
    ("banned", "src/auth/issue.c", "/* TO" "DO later */", "auth/issue.c"),
]


@pytest.mark.parametrize("lint, file, line, named", PLANTED, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLANTED)])
def test_what_it_is_for_is_caught(tree, lint, file, line, named):
    target = tree / file
    target.parent.mkdir(exist_ok=True)
    with open(target, "a") as handle:
        handle.write(f"\n{line}\n")

    answer = run(lint, tree)

    assert answer.returncode == 1, answer.stdout
    assert named in answer.stdout


def test_words_in_comments_and_texts_are_no_calls(tree):
    with open(tree / "src/auth/path_login.c", "a") as handle:
        handle.write('\n/* never strcpy( here;\n   nor system( there */\nconst char *f(void) { return "goto strcpy("; }\n')
    assert run("banned", tree).returncode == 0


def test_no_path_of_a_machine_or_a_build_is_committed():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert not [name for name in tracked if name.startswith("build/") or name.endswith((".o", ".pyc"))]
