"""What users of bao, chamber and envconsul expect: names as they write them, messages that name the thing, one status a class."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from client import SECRET, arv_vault_path
from conftest import plugin_path
from false_vault import AUTH, asked, plain, revoked, secret
from seccomp import refuse_clone3


@pytest.fixture
def vault(false_vault):
    false_vault.answers[:0] = [("/data/x ", plain(200, secret()))]
    return false_vault


# ---- a shell that stops ----


def test_a_script_ends_where_a_secret_is_missing(vault):
    script = f'eval "$({arv_vault_path()} env --env X=secret/none#p)"; echo went on'
    done = subprocess.run(["sh", "-e", "-c", script], env=vault.client.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 66 and done.stdout == "" and "secret/none" in done.stderr
    script = f'x=$({arv_vault_path()} env --env X=secret/x#pw) && eval "$x"; echo $X'
    assert subprocess.run(["sh", "-e", "-c", script], env=vault.client.environment(), capture_output=True, text=True, check=False).stdout == SECRET + "\n"
    assert vault.client.run("env", "--env=X=secret/none#p", "--format=json").stdout == ""


# ---- names ----


@pytest.mark.parametrize("written", ["/secret/x#pw", "secret/x/#pw", "/secret/x/#pw", "//secret/x#pw"])
def test_a_path_with_slashes_at_its_ends(vault, written):
    assert vault.client.ok("get", written) == SECRET


def test_blanks_and_letters_of_any_language_in_a_path(client):
    path = client.put("open/my app/Größe", pw=SECRET)
    assert client.ok("get", f"{path}#pw") == SECRET
    assert client.ok("exec", f"--env=A={path}#pw", "--", "sh", "-c", "echo $A") == SECRET + "\n"


def test_a_host_with_a_final_dot(vault):
    assert vault.client.ok("get", "secret/x#pw", env={"BAO_ADDR": vault.address.replace("127.0.0.1", "localhost."),
                                                      "BAO_TLS_SERVER_NAME": "127.0.0.1"}) == SECRET


def test_a_spec_for_an_editor(vault):
    spec = vault.client.home / "spec.json"
    spec.write_text(json.dumps({"$schema": "https://example/x.json", "env": {"A": "secret/x#pw"}}))
    assert vault.client.ok("exec", f"--spec={spec}", "--", "sh", "-c", "echo $A") == SECRET + "\n"


def test_what_is_near_is_named(vault):
    assert "did you mean login" in vault.client.refused(64, "lgoin")
    assert "did you mean --env-from" in vault.client.refused(64, "exec", "--env-form=x", "--", "true")
    assert "did you mean" not in vault.client.refused(64, "zzzzzzzz")
    assert "did you mean" not in vault.client.refused(64, "exec", "--zzzzzzzz", "--", "true")


# ---- messages ----


def test_a_missing_field_names_those_that_are_there(vault):
    vault.answers.insert(0, ("/data/x ", plain(200, {"data": {"data": {"user": "a", "password": "b"}, "metadata": {"version": 1}}})))
    words = vault.client.refused(66, "get", "secret/x#pasword")
    assert "pasword" in words and "user, password" in words


def test_a_colon_in_place_of_a_hash(vault):
    assert "secret/db#password" in vault.client.refused(66, "get", "secret/db:password")


@pytest.mark.parametrize("status", [403, 404])
def test_data_in_a_path_is_hinted_at(vault, status):
    vault.answers.insert(0, ("/data/data/", plain(status, {"errors": []})))
    assert 'leave out "data/"' in vault.client.refused(77 if status == 403 else 66, "get", "secret/data/y")
    assert 'leave out "data/"' in vault.client.refused(77 if status == 403 else 66, "exec", "-e", "A=secret/data/y#pw", "--", "true")


def test_a_nul_in_one_field_keeps_the_others(vault, memory):
    body = b'{"data": {"data": {"password": "pw", "blob": "a\\u0000b"}, "metadata": {"version": 1}}}'
    vault.answers[:0] = [("POST .*/data/x ", plain(200, {"data": {"version": 2}})), ("/data/x ", plain(200, body))]
    assert vault.client.ok("get", "secret/x#password") == "pw"
    assert vault.client.ok("exec", "-e", "A=secret/x#password", "--", "sh", "-c", "echo $A") == "pw\n"
    for words in (("get", "secret/x#blob"), ("exec", "-e", "A=secret/x#blob", "--", "true"), ("exec", f"--file={memory}/f=secret/x#blob", "--", "true"),
                  ("exec", "--env-from=secret/x", "--", "true")):
        told = vault.client.refused(78, *words)
        assert '"blob"' in told and "secret/x" in told and "NUL" in told
    assert json.loads(vault.client.ok("get", "secret/x")) == {"password": "pw", "blob": "a\0b"}
    assert json.loads(vault.client.ok("get", "--format=json", "secret/x#blob")) == "a\0b"
    assert yaml.safe_load(vault.client.ok("get", "--format=yaml", "secret/x")) == {"password": "pw", "blob": "a\0b"}
    vault.client.ok("put", "secret/x#password", stdin="new")
    (posted,) = [request for request in vault.seen if request.startswith(b"POST /v1/secret/data/x ")]
    assert json.loads(posted.split(b"\r\n\r\n", 1)[1])["data"] == {"password": "new", "blob": "a\0b"}


def test_a_key_of_secret_mounts_that_is_misspelt(vault):
    words = vault.client.refused(78, "secret-mounts", stdin='{"secret_mount": {}}')
    assert "secret_mount" in words and vault.seen == []
    assert vault.client.ok("secret-mounts", stdin='{"container_uuid": "x", "secret_mounts": {}, "environment": {}}')


def test_a_login_that_requires_mfa(vault):
    vault.answers.insert(0, ("/login", plain(200, {"auth": {**AUTH["auth"], "client_token": "", "mfa_requirement": {"mfa_request_id": "x"}}})))
    assert "MFA" in vault.client.refused(77, "login")


def test_a_disabled_entity_is_no_wrong_mount(client):
    bao = client.mount.bao
    mine = json.loads(client.ok("whoami", "--format=json"))["entity_id"]
    assert bao.call("POST", f"identity/entity/id/{mine}", {"disabled": True}).status_code in (200, 204)
    words = client.refused(77, "login")
    assert "entity" in words and "mount's name" not in words
    assert "mount's name" in client.refused(77, "login", "--mount=nowhere")


WARNINGS = ["grant arvados-x dropped: outside_prefix", "grant arvados-y dropped: expired", "grant zzzzz-o0j2j-x dropped: bad_name",
            "grant arvados-z dropped: wrong_image", "7 more grants dropped", "something else"]


def test_what_a_job_can_do_nothing_about_is_not_in_its_log(vault):
    vault.answers[:0] = [("/login", plain(200, {**AUTH, "warnings": WARNINGS})), ("lookup-self", plain(200, {"data": {"policies": []}}))]
    words = vault.client.run("get", "secret/x#pw").stderr
    assert [warning for warning in WARNINGS if warning in words] == [WARNINGS[2], WARNINGS[3], WARNINGS[5]]
    for more in (("get", "secret/x#pw", "-v"), ("get", "secret/x#pw", "--verbose"), ("whoami",)):
        words = vault.client.run(*more).stderr
        assert all(warning in words for warning in WARNINGS)


# ---- tokens that are stored ----


def test_a_home_behind_a_link(vault, tmp_path):
    (tmp_path / "link").symlink_to(vault.client.home)
    vault.client.ok("login", "--store", "--quiet", env={"HOME": str(tmp_path / "link")})
    assert (vault.client.home / ".vault-token").read_text() == "s.false"


def test_what_was_stored_goes_with_its_token(vault):
    stored = vault.client.home / ".vault-token"
    vault.client.ok("login", "--store", "--quiet")
    vault.client.ok("revoke", env={"BAO_TOKEN": "s.other"})
    assert stored.exists()
    vault.answers.insert(0, ("lookup-self", plain(200, {"data": {"ttl": 900}})))
    vault.client.ok("revoke")
    assert not stored.exists() and revoked(vault)[-1] == b"s.false"


# ---- old container runtimes ----


@pytest.mark.plain_build
@pytest.mark.parametrize("options", [(), ("--supervise", "--mask")], ids=["becomes", "supervises"])
def test_clone3_that_is_refused_with_eperm(vault, options):
    """Docker before 20.10.10: glibc falls back to clone after ENOSYS only."""
    done = vault.client.run("exec", *options, "-e", "A=secret/x#pw", "--", "sh", "-c", "test -n \"$A\"; echo $?", preexec_fn=refuse_clone3)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.plain_build
def test_the_plugins_selfcheck_where_clone3_is_refused_with_eperm():
    done = subprocess.run([plugin_path(), "-selfcheck"], capture_output=True, text=True, check=False, preexec_fn=refuse_clone3)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout


# ---- putting, listing, deleting ----


def test_one_field_is_put_and_the_others_stay(client):
    path = client.put("mine/db", user="ann", password="old")
    assert client.ok("put", f"{path}#password", stdin=SECRET + "\n") == "2\n"
    assert client.read("mine/db")["data"] == {"user": "ann", "password": SECRET}
    assert client.ok("put", f"{client.kv}/mine/new#a b", stdin="x") == "1\n"
    assert client.read("mine/new")["data"] == {"a b": "x"}
    assert client.refused(64, "put", path, stdin="x") and client.refused(77, "put", f"{client.kv}/open/x#y", stdin="x")


def test_two_who_put_lose_nothing(client):
    path = client.put("mine/db", start="1")
    jobs = [client.start("put", f"{path}#f{i}", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for i in range(3)]
    for i, job in enumerate(jobs):
        job.stdin.write(f"v{i}".encode())
        job.stdin.close()
    statuses = [job.wait(60) for job in jobs]
    data = client.read("mine/db")["data"]
    assert {f"f{i}" for i, status in enumerate(statuses) if status == 0} == set(data) - {"start"} and data["start"] == "1"


def test_a_value_is_asked_for_without_being_shown(vault):
    """Twice, on a terminal."""
    posted = []
    vault.answers[:0] = [("POST /v1/secret/data/x ", lambda: posted.append(vault.seen[-1]) or plain(200, {"data": {"version": 2}}))]

    def run(*lines: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        job = vault.client.start("put", "secret/x#pw", stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        shown = b""
        for line in lines:
            while not shown.endswith(b": "):
                shown += os.read(master, 1000)
            time.sleep(0.1)
            os.write(master, line.encode() + b"\n")
            shown += b"|"
        status = job.wait(20)
        try:
            while True:
                shown += os.read(master, 1000)
        except OSError:
            pass
        return status, shown.decode()

    status, shown = run("hidden-value", "hidden-value")
    assert status == 0 and "hidden-value" not in shown and b'"pw":"hidden-value"' in posted[-1].replace(b" ", b"")
    status, shown = run("hidden-value", "another-value")
    assert status == 64 and "differ" in shown and len(posted) == 1


def test_list_and_delete(client):
    client.policy("arvados-read", f'path "{client.kv}/*" {{ capabilities = ["create", "read", "update", "list", "delete"] }}')
    client.put("mine/a", x="1", y="2")
    client.put("mine/deep/b", x="1")
    assert client.ok("list", f"{client.kv}/mine") == "a\ndeep/\n"
    assert json.loads(client.ok("list", f"{client.kv}/mine/", "--format=json")) == ["a", "deep/"]
    assert client.ok("list", client.kv) == "mine/\n"
    assert "nothing below" in client.refused(66, "list", f"{client.kv}/none")
    assert client.ok("delete", f"{client.kv}/mine/a#x") == "2\n"
    assert client.read("mine/a")["data"] == {"y": "2"}
    assert "no field" in client.refused(66, "delete", f"{client.kv}/mine/a#x")
    client.ok("delete", f"{client.kv}/mine/a")
    assert client.refused(66, "get", f"{client.kv}/mine/a#y")


def test_kv_of_version_1_is_written_only_if_that_is_said(granted, tmp_path):
    from client import make_client

    client = make_client(*granted_parts(granted, tmp_path), version=1)
    client.policy("arvados-read", f'path "{client.kv}/*" {{ capabilities = ["create", "read", "update", "list", "delete"] }}')
    path = client.put("mine/db", version=1, user="ann")
    assert "--force" in client.refused(78, "put", f"{path}#pw", stdin="x")
    client.ok("put", "--force", f"{path}#pw", stdin="x")
    assert json.loads(client.ok("get-all", path)) == {"user": "ann", "pw": "x"}
    assert client.ok("list", f"{client.kv}/mine") == "db\n"
    client.ok("delete", path)
    assert client.refused(66, "get", path)


def granted_parts(granted, tmp_path) -> tuple:
    """As the fixture `client` takes them."""
    home = tmp_path / "home-1"
    home.mkdir()
    mount, container = granted
    return mount, home, container


def test_help_has_one_line_for_each(vault):
    shown = vault.client.ok("help")
    assert all(f"  {name} " in shown for name in ("put", "list", "delete"))
    assert asked(vault, "/") == 0 and Path(arv_vault_path()).exists()


# ---- completion and help ----


def completed(vault, *words: str) -> list[str]:
    """What bash offers for the last of the words, split as bash splits them."""
    script = f"source <({arv_vault_path()} completion bash); COMP_WORDS=(arv-vault \"$@\"); COMP_CWORD=$#; _arv_vault 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", script, "bash", *words], env=vault.client.environment(), capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_bash_completes_commands_options_and_values(vault):
    assert completed(vault, "e") == ["exec", "env"]
    assert completed(vault, "exec", "--res") == ["--resolve", "--resolve-file="]
    assert completed(vault, "exec", "--on-change", "=") == ["HUP", "restart", "none"]
    assert completed(vault, "get", "--format", "=", "j") == ["json"]
    assert completed(vault, "grant", "")[:4] == ["add", "list", "remove", "check"]
    assert completed(vault, "exec", "--", "--res") == []
    assert "bash, zsh or fish" in vault.client.refused(64, "completion", "tcsh")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_every_command_and_parses(vault, shell):
    script = vault.client.ok("completion", shell)
    for word in ("exec", "grant", "completion", "refresh", "on-change"):
        assert word in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, check=False).returncode == 0


def test_help_has_an_example_for_each_command_within_100_columns(vault):
    commands = [line.split()[0] for line in vault.client.ok("help").split("Commands:\n")[1].split("\n\n")[0].splitlines() if line[2] != " "]
    assert len(commands) > 20 and "completion" in commands
    for command in commands:
        shown = vault.client.ok("help", command)
        assert "\nExample:\n  " in shown and max(map(len, shown.splitlines())) <= 100, command
    page = vault.client.ok("help", "manual")
    assert ".SH EXAMPLES\n" in page and ".SH ENVIRONMENT\n" in page


@pytest.mark.parametrize("name, words", [("c.toml", "TOML"), ("c.ini.in", "INI"), ("c.xml", "XML"), ("c.properties.j2", "properties"), ("c.txt", None),
                                         ("c.yaml", None)])
def test_a_template_of_a_format_that_is_not_known_is_warned_of(vault, name, words):
    (vault.client.home / name).write_text("pw = \"${vault:secret/x#pw}\"\n" if not name.endswith("yaml") else "pw: ${vault:secret/x#pw}\n")
    warned = vault.client.run("render", name, "-").stderr
    assert (f"not escaped for {words}" in warned) if words else warned == ""
    assert vault.client.run("render", "--kind=text", name, "-").stderr == ""
