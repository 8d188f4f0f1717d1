"""arv-vault's commands against a real server: what they print, what they leave behind, how they fail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from client import SECRET, make_client
from simulator import faults
from suite.server import token_prefix


@pytest.mark.core
def test_get_a_field_as_it_is(client):
    path = client.put("open/db", password=SECRET, port=5432, tls=True, hosts=["a", "b"])
    assert client.ok("get", f"{path}#password") == SECRET  # no line end: the exact bytes
    assert client.ok("get", f"{path}#port") == "5432"
    assert client.ok("get", f"{path}#tls") == "true"
    assert json.loads(client.ok("get", f"{path}#hosts")) == ["a", "b"]


@pytest.mark.core
def test_get_a_whole_secret_as_json(client):
    path = client.put("open/db", password=SECRET, user="ann")
    assert json.loads(client.ok("get", path)) == {"password": SECRET, "user": "ann"}
    assert json.loads(client.ok("get-all", path)) == {"password": SECRET, "user": "ann"}


@pytest.mark.parametrize("value", ["a\nb\n", "ä € 🔑", "x" * 100_000, " blanks ", "\t", '"\\'],
                         ids=["lines", "unicode", "long", "blanks", "tab", "quotes"])
def test_values_come_byte_by_byte(client, value):
    path = client.put("open/odd", value=value)
    assert client.ok("get", f"{path}#value") == value


def test_kv_v1_is_told_apart(granted, tmp_path):
    mount, container = granted
    client = make_client(mount, tmp_path, container, version=1)
    path = client.put("open/db", version=1, password=SECRET)
    assert client.ok("get", f"{path}#password") == SECRET
    words = client.refused(78, "put-all", f"{client.kv}/mine/x", stdin="{}")
    assert "KV v1" in words and "--force" in words
    assert client.ok("put-all", "--force", f"{client.kv}/mine/x", stdin='{"a": "1"}') == ""
    assert json.loads(client.ok("get", f"{client.kv}/mine/x")) == {"a": "1"}


def test_what_is_missing_has_a_status_of_its_own(client):
    path = client.put("open/db", password=SECRET)
    assert "no secret at" in client.refused(66, "get", f"{client.kv}/open/none")
    assert "no field user" in client.refused(66, "get", f"{path}#user")
    assert 'leave out "data/"' in client.refused(77, "get", f"{client.kv}/data/open/db")


def test_what_is_forbidden_says_as_what_it_was_asked(client):
    client.put("closed/db", password=SECRET)
    words = client.refused(77, "get", f"{client.kv}/closed/db")
    assert "policies don't let it read" in words and f"{client.kv}/data/closed/db" in words
    assert "whoami" in words


@pytest.mark.parametrize("path", ["", "/", "secret//x", "secret/../x", "secret/./x", "a\x01b"])
def test_a_path_that_is_none(client, path):
    assert client.refused(64, "get", path)


def test_one_login_many_reads_one_connection(client):
    refs = [f"--env=V{i}={client.put(f'open/s{i}', value=f'v{i}')}#value" for i in range(12)]
    out = client.ok("exec", *refs, "--", "sh", "-c", "echo $V0 $V11")
    assert out == "v0 v11\n"
    lines = [json.loads(line) for line in client.mount.bao.audit().splitlines()[-200:]]
    asked = [line["request"]["path"] for line in lines if line["type"] == "response"
             and line["request"]["operation"] != "create"
             and (client.kv in line["request"]["path"] or client.mount.path in line["request"]["path"])]
    assert sum(path.endswith("/login") for path in asked) == 1
    assert sum(path.startswith("sys/internal/ui/mounts/") for path in asked) == 1
    assert sum(path.startswith(f"{client.kv}/data/") for path in asked) == 12
    assert len({line["request"]["remote_port"] for line in lines if line["request"]["path"] in asked
                and line["request"]["operation"] == "read"}) == 1


def test_the_same_secret_is_read_once(client):
    path = client.put("open/db", user="ann", password=SECRET)
    client.ok("exec", f"--env=U={path}#user", f"--env=P={path}#password", f"--file={client.home}/f={path}", "true")
    reads = [line for line in client.mount.bao.audit().splitlines()
             if f'"{client.kv}/data/open/db"' in line and '"type":"response"' in line and '"operation":"read"' in line]
    assert len(reads) == 1


# ---- tokens ----


@pytest.mark.core
def test_login_prints_a_token_that_works_and_that_revoke_ends(client):
    token = client.ok("login").strip()
    assert token.startswith(token_prefix("service"))
    shown = json.loads(client.ok("whoami", "--format", "json", env={"BAO_TOKEN": token}))
    assert "arvados-read" in shown["policies"] and shown["meta"]["container_uuid"] == client.container.uuid
    assert 0 < shown["ttl"] <= 900
    assert any(path.startswith(f"{client.kv}/data/open/*") and "read" in path for path in shown["paths"])
    assert int(client.ok("renew", env={"BAO_TOKEN": token})) > 0
    assert client.ok("revoke", "--token-file", "-", stdin=token + "\n") == ""
    assert "BAO_TOKEN" in client.refused(77, "whoami", env={"BAO_TOKEN": token})


def test_login_can_store_the_token_where_bao_finds_it(client):
    client.ok("login", "--store", "--quiet")
    stored = client.home / ".vault-token"
    assert stored.stat().st_mode & 0o777 == 0o600
    path = client.put("open/db", password=SECRET)
    before = client.tokens_alive()
    assert client.ok("get", f"{path}#password") == SECRET
    assert client.tokens_alive() == before  # the stored one was used
    other = client.home / "elsewhere"
    client.ok("login", f"--store={other}", "--quiet")
    assert other.read_text().startswith(token_prefix("service"))


def test_a_token_got_on_the_way_is_revoked_in_the_end(client):
    path = client.put("open/db", password=SECRET)
    before = client.tokens_alive()
    client.ok("get", f"{path}#password")
    client.ok("exec", f"--env=P={path}#password", "true")
    client.ok("whoami")
    client.refused(66, "get", f"{path}#none")
    assert client.tokens_alive() == before


def test_whoami_as_a_table(client):
    shown = client.ok("whoami")
    assert "policies" in shown and "arvados-read, default" in shown and "\033" not in shown


def test_which_token_is_used_first_wins(client):
    good = client.ok("login").strip()
    path = client.put("open/db", password=SECRET)
    bad = {"VAULT_TOKEN": "s.bad"}
    assert "VAULT_" in client.refused(77, "get", path, env=bad)
    assert client.ok("get", f"{path}#password", env={**bad, "BAO_TOKEN": good}) == SECRET
    assert client.ok("get", f"{path}#password", "--token-file=-", stdin=good, env={**bad, "BAO_TOKEN": "s.worse"}) == SECRET


def test_tokens_are_no_arguments(client):
    words = client.refused(64, "get", "--token", "s.geheim", "secret/x")
    assert "s.geheim" not in words and "--token-file" in words


def test_the_token_of_settings_conf(client):
    conf = client.home / ".config/arvados"
    conf.mkdir(parents=True)
    (conf / "settings.conf").write_text(f"# mine\nARVADOS_API_HOST={client.mount.sim.host}\nARVADOS_API_TOKEN={client.token}\n")
    path = client.put("open/db", password=SECRET)
    assert client.ok("get", f"{path}#password", env={"ARVADOS_API_TOKEN": None, "ARVADOS_API_HOST": None}) == SECRET


# ---- what never leaves ----


@pytest.mark.parametrize("token", ["systemusertesttoken1234567890aoeuidhtnsqjkxbmwvzpy", "v1-abcdefghijklmnopqrst",
                                   "v2/zzzzz-gj3su-000000000000000/SHOUTING0123456789012", "v2/../../x", " "],
                         ids=["root token", "v1", "capitals", "path", "blank"])
def test_a_token_that_is_no_v2_token_is_never_sent(client, token):
    before = client.mount.bao.audit()
    words = client.refused(78, "login", env={"ARVADOS_API_TOKEN": token})
    assert "not sent" in words and (token.strip() == "" or token not in words)
    assert f"auth/{client.mount.path}/login" not in client.mount.bao.audit()[len(before):]


def test_without_a_token_it_says_how_to_get_one(client):
    words = client.refused(78, "login", env={"ARVADOS_API_TOKEN": None})
    assert "arv:APIRequirement" in words and "runtime_constraints" in words


# ---- salted ----


def test_salted_login(granted, client):
    mount = client.mount
    answer = mount.bao.call("POST", f"auth/{mount.path}/role/salted", {"allow_salted": True, "salt_label": "vault"})
    assert answer.status_code in (200, 204)
    path = client.put("open/db", password=SECRET)
    mount.sim.log.clear()
    assert client.ok("get", f"{path}#password", "--role=salted", "--salt-label=vault") == SECRET
    assert client.ok("get", f"{path}#password", env={"ARV_VAULT_ROLE": "salted", "ARV_VAULT_SALT_LABEL": "vault"}) == SECRET
    # Neither the vault nor Arvados saw the usable one.
    usable = client.token.split("/")[2]
    assert usable not in mount.bao.audit() and usable not in mount.bao.log()
    assert all(usable not in (entry.token or "") for entry in mount.sim.log.entries("/arvados/v1/users/current"))
    assert client.refused(77, "login", "--role=salted", "--salt-label=other")
    assert "five" in client.refused(78, "login", "--salt-label=x")


# ---- put-all ----


@pytest.mark.core
def test_put_all_replaces_all_or_nothing(client):
    path = f"{client.kv}/mine/bulk"
    assert client.ok("put-all", path, stdin='{"a": "1", "n": 5}') == "1\n"
    assert client.ok("put-all", path, stdin='{"b": "2"}') == "2\n"
    assert client.read("mine/bulk")["data"] == {"b": "2"}
    assert "somebody else" in client.refused(75, "put-all", "--cas=1", path, stdin='{"c": "3"}')
    assert client.read("mine/bulk")["data"] == {"b": "2"}
    assert client.ok("put-all", "--cas=2", path, stdin='{"c": "3"}') == "3\n"
    assert client.refused(75, "put-all", "--cas=0", path, stdin="{}")
    assert client.ok("put-all", "--force", path, stdin='{"d": "4"}') == "4\n"


def test_numbers_are_the_same_digits(client):
    path = f"{client.kv}/mine/numbers"
    numbers = '{"a":0.1,"b":[1.5,-1e-7],"c":0.30000000000000004}'
    client.ok("put-all", path, stdin=numbers)
    assert client.ok("get-all", path) == numbers + "\n"
    assert client.ok("get", f"{path}#a") == "0.1"
    words = client.refused(78, "put-all", path, stdin='{"a": 12345678901234567890123}')
    assert 'under the key "a": store it as a string' in words and "12345" not in words
    assert "1e400" in client.refused(69, "put-all", path, stdin='{"a": 1e400}')  # in the server's words


def test_a_number_that_would_change_is_told_by_its_key(granted, tmp_path):
    mount, container = granted
    client = make_client(mount, tmp_path, container, version=1)
    path = client.put("mine/large", version=1, password=SECRET, limits={"rows": [{"n": 1}, 12345678901234567890123]})
    for words in (["get", f"{path}#password"], ["get-all", path], ["exec", f"--env=A={path}#password", "true"]):
        told = client.refused(69, *words)
        assert 'a whole number beyond 64 bits under the key "rows": store it as a string, in quotes' in told and "12345" not in told, told
        assert path in told
    client.put("mine/large", version=1, password=SECRET, limits={"rows": [{"n": 1}, "12345678901234567890123"]})
    assert client.ok("get", f"{path}#password") == SECRET


def test_kv_v2_itself_changes_numbers_of_more_than_53_bits(client):
    """As docs/reference/client.md says; should a server keep them, the page is to be mended."""
    path = client.put("mine/large", n=9007199254740993)
    assert client.ok("get", f"{path}#n") == "9007199254740992"
    client.put("mine/large", n=9223372036854775807)
    assert 'under the key "n"' in client.refused(69, "get", path)


def test_secrets_may_be_deep(client):
    path = f"{client.kv}/mine/deep"
    deep = '{"a":' + "[" * 30 + "1" + "]" * 30 + "}"
    client.ok("put-all", path, stdin=deep)
    assert client.ok("get-all", path) == deep + "\n"
    deeper = client.put("open/deeper", a=json.loads("[" * 55 + "1" + "]" * 55))
    assert client.ok("get", f"{deeper}#a") == "[" * 55 + "1" + "]" * 55


def test_put_all_over_a_deleted_version(client):
    path = f"{client.kv}/mine/gone"
    client.ok("put-all", path, stdin='{"a": "1"}')
    assert client.mount.bao.call("DELETE", f"{client.kv}/data/mine/gone").status_code == 204
    assert client.ok("put-all", path, stdin='{"b": "2"}') == "2\n"
    answer = client.mount.bao.call("POST", f"{client.kv}/destroy/mine/gone", {"versions": [2]})
    assert answer.status_code == 204 and client.ok("put-all", path, stdin='{"c": "3"}') == "3\n"
    assert client.mount.bao.call("DELETE", f"{client.kv}/metadata/mine/gone").status_code == 204
    assert client.ok("put-all", path, stdin='{"d": "4"}') == "1\n"


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{", '{"a": 1, "a": 2}', '{"a": NaN}', "{} {}"])
def test_put_all_takes_one_good_json_object(client, text):
    assert client.refused(78, "put-all", f"{client.kv}/mine/x", stdin=text)


def test_input_that_does_not_end_is_not_read_to_the_end(client):
    with open("/dev/zero", "rb") as endless:
        job = client.start("put-all", f"{client.kv}/mine/x", stdin=endless, stderr=subprocess.PIPE)
        assert job.wait(20) == 78 and b"larger than" in job.stderr.read()


def test_put_all_where_one_may_not(client):
    assert client.refused(77, "put-all", f"{client.kv}/open/x", stdin="{}")


# ---- env ----


def test_env_is_safe_for_a_shell(client):
    value = "it's $HOME `id` \"x\" \\ ! ; & | > * ~"
    path = client.put("open/odd", value=value)
    printed = client.ok("env", f"--env=ODD={path}#value")
    for shell in ("sh", "bash"):
        shown = subprocess.run([shell, "-c", f'{printed}\nprintf %s "$ODD"'], capture_output=True, text=True, check=True)
        assert shown.stdout == value


def test_line_ends_behind_a_value_are_dropped_in_the_environment(client):
    path = client.put("open/echoed", value=SECRET + "\n", blank="\r\n")
    assert client.ok("env", f"--env=A={path}#value", f"--env=B={path}#blank") == f"export A='{SECRET}'\nexport B=''\n"
    assert client.ok("get", f"{path}#value") == SECRET + "\n"


def test_env_refuses_lines_and_odd_names(client):
    path = client.put("open/lines", value="a\nexport EVIL=1")
    assert "more than one line" in client.refused(78, "env", f"--env=A={path}#value")
    for name in ("1A", "A B", "A;B", "A$(id)", "", "LD_PRELOAD", "BASH_ENV", "BASH_FUNC_x", "PATH", "ENV", "IFS",
                 "PYTHONPATH", "PERL5OPT", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND", "Ä"):
        assert client.refused(64, "env", f"--env={name}={path}#value"), name
    good = client.put("open/good", value="x")
    for name in ("PATH_TO_DB", "MY_PATH", "ENVIRONMENT", "_A1", "OLD_LD_X", "GIT_SSH_KEY"):
        assert client.ok("env", f"--env={name}={good}#value") == f"export {name}='x'\n"


def test_env_from_a_spec(client):
    path = client.put("open/db", password=SECRET)
    spec = client.home / "spec.json"
    spec.write_text(json.dumps({"env": {"A": f"{path}#password", "B": {"ref": f"{path}#none", "optional": True}}}))
    assert client.ok("env", str(spec)) == f"export A='{SECRET}'\n"
    spec.write_text(json.dumps({"files": [{"path": "/dev/shm/x", "ref": path}]}))
    assert "exec --spec" in client.refused(64, "env", str(spec))


# ---- wrapping ----


@pytest.mark.core
def test_wrap_and_unwrap_once(client):
    path = client.put("open/db", password=SECRET)
    wrapped = json.loads(client.ok("wrap", path, "--ttl=90s", "--format=json"))
    assert wrapped["ttl"] == 90 and wrapped["creation_path"] == f"{client.kv}/data/open/db"
    opened = client.ok("unwrap", f"--creation-path={wrapped['creation_path']}", stdin=wrapped["token"])
    assert json.loads(opened) == {"password": SECRET}
    words = client.refused(77, "unwrap", f"--creation-path={wrapped['creation_path']}", stdin=wrapped["token"])
    assert "opened it already" in words


def test_a_wrapping_that_was_exchanged_stays_closed(client):
    client.put("open/db", password=SECRET)
    token = client.ok("wrap", stdin='{"password": "false"}').strip()
    words = client.refused(77, "unwrap", f"--creation-path={client.kv}/data/open/db", stdin=token)
    assert "sys/wrapping/wrap" in words and "exchanged" in words
    assert json.loads(client.ok("unwrap", "--creation-path=sys/wrapping/wrap", stdin=token)) == {"password": "false"}
    assert "--creation-path" in client.refused(64, "unwrap", stdin=token)
    kv_like = '{"data":{"a":"1"},"metadata":{"b":"2"}}'
    token = client.ok("wrap", stdin=kv_like).strip()
    assert client.ok("unwrap", "--creation-path=sys/wrapping/wrap", stdin=token) == kv_like + "\n"


# ---- the server ----


def test_addresses(client):
    path = client.put("open/db", password=SECRET)
    address = client.mount.bao.address
    assert client.ok("get", f"{path}#password", env={"VAULT_ADDR": address, "BAO_ADDR": None}) == SECRET
    assert client.ok("get", f"{path}#password", f"--address={address}/", env={"BAO_ADDR": "https://nowhere.invalid"}) == SECRET
    for bad in ("http://vault.example:8200", "ftp://x", "https://u:p@h", "https://h/path", "https://h?x"):
        assert client.refused(78, "get", path, env={"BAO_ADDR": bad}), bad
    assert "BAO_ADDR" in client.refused(78, "get", path, env={"BAO_ADDR": None})


def test_empty_settings_are_none(client):
    """As an empty variable is: --namespace="$NAMESPACE" in a script that need not have one."""
    path = client.put("open/db", password=SECRET)
    names = ["address", "namespace", "ca-cert", "ca-path", "tls-server-name", "timeout", "max-retries", "token-file",
             "arvados-token-file", "mount", "role", "salt-label"]
    assert client.ok("get", *[f"--{name}=" for name in names], f"{path}#password") == SECRET
    assert client.ok("exec", "--spec=", f"--env=PW={path}#password", "sh", "-c", "echo $PW") == SECRET + "\n"


@pytest.mark.core
def test_trust(client, tmp_path):
    path = client.put("open/db", password=SECRET)
    ca = client.mount.bao.ca
    folder = tmp_path / "cas"
    folder.mkdir()
    (folder / "one.pem").write_bytes(open(ca, "rb").read())
    (folder / "two.pem").write_bytes(open(client.mount.sim.ca_pem, "rb").read())
    (folder / "java").mkdir()  # as /etc/ssl/certs has it
    (folder / "gone.pem").symlink_to("nowhere")
    (folder / "0123abcd.0").symlink_to("one.pem")
    none = {"BAO_CACERT": None}
    assert client.ok("get", f"{path}#password", env={**none, "VAULT_CACERT": ca}) == SECRET
    assert client.ok("get", f"{path}#password", env={**none, "BAO_CAPATH": str(folder)}) == SECRET
    assert client.ok("get", f"{path}#password", env={**none, "SSL_CERT_FILE": ca}) == SECRET
    words = client.refused(78, "get", path, env={"BAO_CACERT": client.mount.sim.ca_pem})
    assert "not to be trusted" in words
    for name in ("BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"):
        done = client.run("get", path, env={"BAO_CACERT": client.mount.sim.ca_pem, name: "1"})
        assert done.returncode == 78 and "ignored" in done.stderr


def test_a_certificate_for_another_name(client):
    path = client.put("open/db", password=SECRET)
    assert client.ok("get", f"{path}#password", env={"BAO_TLS_SERVER_NAME": "localhost"}) == SECRET
    assert client.refused(78, "get", path, env={"BAO_TLS_SERVER_NAME": "vault.example"})


def test_nobody_there(client):
    words = client.refused(75, "get", "secret/x", "--max-retries=0", env={"BAO_ADDR": "https://127.0.0.1:1"})
    assert "can't be reached" in words and "127.0.0.1:1" in words
    words = client.refused(75, "get", "secret/x", "--max-retries=0", env={"BAO_ADDR": "https://nowhere.invalid"})
    assert "resolved" in words


@pytest.mark.core
def test_refused_by_arvados_or_by_the_mount(client):
    assert "mount's name" in client.refused(77, "login", "--mount=no-such-mount")
    assert "role" in client.refused(69, "login", "--role=no-such-role")
    client.mount.sim.finish(client.container)
    assert "request_id=" in client.refused(77, "login")


def test_arvados_away_is_for_trying_again(client):
    with client.mount.sim.faults.add("/arvados/v1/users/current", faults.status(503), times=None):
        assert client.refused(75, "login", "--max-retries=0")


# ---- itself ----


def test_version_help_and_unknown_words(client):
    assert "arv-vault" in client.ok("version")
    assert json.loads(client.ok("version", "--format=json"))["arv-vault"].startswith("v")
    assert "exec" in client.ok("help") and "--supervise" in client.ok("exec", "--help")
    assert client.refused(64, "nonsense") and client.refused(64, "get") and client.refused(64, "get", "--nonsense", "x")
    assert client.refused(64, "whoami", "--format=xml")


def test_version_of_the_server(client):
    shown = json.loads(client.ok("version", "--server", "--format=json", env={"BAO_TOKEN": client.mount.bao.root_token}))
    assert shown["cluster_id"] == "zzzzz" and shown["plugin"] and shown["vault"]


def test_the_manual_page_is_what_the_program_says(client):
    page = Path(__file__).resolve().parents[2] / "docs/man/arv-vault.1"
    if os.environ.get("VPA_WRITE_DOCS"):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(client.ok("help", "manual"))
    assert page.read_text() == client.ok("help", "manual"), "VPA_WRITE_DOCS=1 writes it anew"
