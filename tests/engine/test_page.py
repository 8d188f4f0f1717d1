"""The commands of docs/tutorials/engine.md and the program that makes the administrator's token, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine_host import AUTH, ENGINE, built
from host import bao_path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(own_bao, sim, tmp_path):
    (tmp_path / "build/release/bin").mkdir(parents=True)
    for program in (AUTH, ENGINE):
        (tmp_path / "build/release/bin" / program).symlink_to(built(program))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    env = {"PATH": f"{Path(sys.executable).parent}:{Path(bao_path()).parent}:{os.environ['PATH']}", "HOME": str(tmp_path),
           "BAO_ADDR": own_bao.address, "BAO_CACERT": own_bao.ca, "BAO_TOKEN": own_bao.root_token,
           "PLUGIN_DIRECTORY": str(own_bao.dir / "plugins"), "SSL_CERT_FILE": sim.ca_pem,
           "ARVADOS_API_HOST": sim.host, "ARVADOS_API_TOKEN": sim.admin_token, "USER_UUID": sim.user("active"),
           "FOUND_TOKEN": sim.new_token("active")}

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, capture_output=True,
                              text=True, timeout=120, check=False)

    run.env = env
    return run


def test_the_page_from_nothing_to_a_token(own_bao, sim, shell):
    own_bao.call("DELETE", "sys/plugins/catalog/secret/arvados")
    own_bao.plugin.unlink()
    assert own_bao.call("POST", "sys/auth/people", {"type": "arvados"}).status_code == 204
    for indent, block in BLOCK.findall((ROOT / "docs/tutorials/engine.md").read_text()):
        script = textwrap.dedent(block)
        done = shell(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert not sim.is_valid(shell.env["FOUND_TOKEN"])
    assert own_bao.call("GET", "arvados/role/mine").json()["data"]["user"] == "self"


def test_the_program_makes_a_token_that_the_engine_takes_and_no_more(shell, engine):
    done = shell("python docs/examples/service_token.py make admin --for=engine && python docs/examples/service_token.py check admin --for=engine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout and done.stdout.count("must not") > 10


def test_the_program_finds_too_much_and_too_little(shell, sim):
    for user, scopes, words in (("admin", ["all"], "its scopes allow it"), ("admin", ["GET /arvados/v1/users"], "may      POST"),
                                ("active", ["POST /arvados/v1/api_client_authorizations", "GET /arvados/v1/users"], "WRONG")):
        token = sim.new_token(user, scopes=scopes)
        done = shell(f"echo {token} | python docs/examples/service_token.py check - --for=engine")
        assert done.returncode == 1 and words in done.stdout, done.stdout + done.stderr
