"""References as ordinary values: they travel as any other string, and only the running process holds the secret."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from false_vault import asked, plain, revoked, secret
from processes import wait_until

TRICKY = 'p"w\\/ä€🔑 <&>=+%20\'$`'


@pytest.fixture
def vault(false_vault):
    false_vault.answers[:0] = [("/data/x ", plain(200, secret())), ("/data/tricky ", plain(200, secret(TRICKY))),
                               ("/data/all ", plain(200, {"data": {"data": {"user": "ann-of-db", "pass-word": SECRET, "port": 5432},
                                                                   "metadata": {"version": 1}}}))]
    return false_vault


def shell(vault, *options: str, script: str, env: dict | None = None) -> str:
    return vault.client.ok("exec", *options, "--", "sh", "-c", script, env=env)


# ---- the environment ----


def test_variables_that_are_references_are_resolved(vault):
    env = {"PW": "vault:secret/x#pw", "URL": "postgres://u:${vault:secret/x#pw}@db/x", "OPT": "vault:?secret/none#x", "PLAIN": "vaultx",
           "KEPT": "$${vault:secret/x#pw}"}
    assert shell(vault, "--resolve", script='echo "$PW $URL ${OPT-unset} $PLAIN"', env=env) == f"{SECRET} postgres://u:{SECRET}@db/x unset vaultx\n"
    assert revoked(vault) == [b"s.false"] and asked(vault, "/data/x ") == 1
    assert shell(vault, "--resolve", script='echo "$KEPT"', env=env) == "${vault:secret/x#pw}\n"
    assert shell(vault, script='echo "$PW"', env=env) == "vault:secret/x#pw\n"  # not asked for


def test_without_references_nobody_is_asked(vault):
    assert shell(vault, "--resolve", "--mask", "--supervise", script="echo hello", env={"BAO_ADDR": None}) == "hello\n"
    assert vault.seen == []


def test_an_option_wins_over_the_variable(vault):
    assert shell(vault, "--resolve", "--env=PW=secret/all#user", script="echo $PW", env={"PW": "vault:secret/x#pw"}) == "ann-of-db\n"


@pytest.mark.parametrize("name, value, status, words", [
    ("PW", "vault:secret/none#x", 66, "secret/none"), ("PW", "vault:", 78, "variable PW"), ("PW", "${vault:secret/x#pw", 78, "variable PW"),
    ("LD_PRELOAD_X", "x", 0, ""), ("PYTHONPATH", "vault:secret/x#pw", 64, "PYTHONPATH"),
])
def test_what_can_not_be_resolved_starts_nothing(vault, memory, name, value, status, words):
    done = vault.client.run("exec", "--resolve", "--", "touch", f"{memory}/ran", env={name: value})
    assert done.returncode == status and words in done.stderr
    assert (memory / "ran").exists() == (status == 0)


def test_arguments_only_if_that_is_said(vault):
    assert "arguments" in vault.client.refused(64, "exec", "--resolve", "--", "echo", "${vault:secret/x#pw}")
    assert vault.client.run("exec", "--resolve", "--allow-argv", "--", "echo", "a ${vault:secret/x#pw}").stdout == f"a {SECRET}\n"


# ---- files ----


def test_a_file_with_references_is_filled_in(vault, memory):
    source = vault.client.home / "conf.json"
    source.write_text(json.dumps({"pw": "${vault:secret/tricky#pw}", "n": 1}))
    vault.client.ok("exec", f"--resolve-file={source}={memory}/conf", "--", "true")
    assert json.loads((memory / "conf").read_text()) == {"pw": TRICKY, "n": 1}
    assert (memory / "conf").stat().st_mode & 0o777 == 0o600


def test_without_a_place_it_is_in_memory_and_named_by_a_variable(vault):
    for name in ("a.yaml", "b.txt"):
        (vault.client.home / name).write_text("pw: ${vault:secret/x#pw}\n")
    shown = shell(vault, f"--resolve-file={vault.client.home}/a.yaml", f"--resolve-file={vault.client.home}/b.txt", "--supervise",
                  script='echo "$ARV_VAULT_FILE_1 $ARV_VAULT_FILE_2"; cat "$ARV_VAULT_FILE_1" "$ARV_VAULT_FILE_2"')
    paths, first, second = shown.splitlines()
    assert (first, second) == (f'pw: "{SECRET}"', f"pw: {SECRET}")
    for path, name in zip(paths.split(), ("a.yaml", "b.txt"), strict=True):
        assert path.startswith("/dev/shm/") and path.endswith(name) and not Path(path).exists()


# ---- many at once ----


def test_all_fields_of_a_secret(vault):
    assert shell(vault, "--env-from=secret/all", script='echo "$USER $PASS_WORD $PORT"') == f"ann-of-db {SECRET} 5432\n"
    assert shell(vault, "--env-from=secret/all=DB_", script='echo "$DB_USER $DB_PASS_WORD"') == f"ann-of-db {SECRET}\n"


def test_two_fields_in_one_name_are_refused(vault):
    vault.answers.insert(0, ("/data/all ", plain(200, {"data": {"data": {"a-b": "1", "a.b": "2"}, "metadata": {"version": 1}}})))
    assert "A_B" in vault.client.refused(78, "exec", "--env-from=secret/all", "--", "true")
    vault.answers.insert(0, ("/data/all ", plain(200, {"data": {"data": {"path": "/evil"}, "metadata": {"version": 1}}})))
    assert "PATH" in vault.client.refused(78, "exec", "--env-from=secret/all", "--", "true")
    assert "secret/none" in vault.client.refused(66, "exec", "--env-from=secret/none", "--", "true")


def test_a_dotenv_file(vault):
    (vault.client.home / "env").write_text("""# a comment
export A=vault:secret/x#pw
B="postgres://${vault:secret/x#pw}@db" # behind it
C='as it is $X \\n'
D=plain value   # not this
E=
F="two\\nlines \\"q\\" \\$x"
  G = spaced
""")
    assert shell(vault, f"--env-file={vault.client.home}/env", script='echo "$A $B"') == f"{SECRET} postgres://{SECRET}@db\n"
    assert json.loads(vault.client.ok("env", f"--env-file={vault.client.home}/env", "--format=json")) == {
        "A": SECRET, "B": f"postgres://{SECRET}@db", "C": "as it is $X \\n", "D": "plain value", "E": "",
        "F": 'two\nlines "q" $x', "G": "spaced"}


@pytest.mark.parametrize("text, words", [("A", "line 1"), ("\n=x", "line 2"), ("A='x", "not closed"), ('A="x" y', "behind"), ("A=vault:", "variable A")])
def test_a_dotenv_file_that_is_none(vault, text, words):
    (vault.client.home / "env").write_text(text)
    assert words in vault.client.refused(78, "exec", f"--env-file={vault.client.home}/env", "--", "true")


# ---- formats, and what would be done ----


def test_formats_of_env(vault):
    words = ["env", "-e", "A=secret/tricky#pw", "-e", "B=secret/x#pw"]
    assert json.loads(vault.client.ok(*words, "--format=json")) == {"A": TRICKY, "B": SECRET}
    dotenv = vault.client.ok(*words, "--format=dotenv")
    (vault.client.home / "again").write_text(dotenv)
    assert json.loads(vault.client.ok("env", f"--env-file={vault.client.home}/again", "--format=json")) == {"A": TRICKY, "B": SECRET}
    assert vault.client.run(*words, "--format=xml").returncode == 64


def test_formats_of_get(vault):
    import yaml

    assert json.loads(vault.client.ok("get", "secret/tricky#pw", "--format=json")) == TRICKY
    assert yaml.safe_load(vault.client.ok("get", "secret/tricky#pw", "--format=yaml")) == TRICKY
    assert vault.client.ok("get", "secret/tricky#pw", "--format=raw") == TRICKY
    assert yaml.safe_load(vault.client.ok("get", "secret/all", "--format=yaml")) == {"user": "ann-of-db", "pass-word": SECRET, "port": 5432}


def test_a_dry_run_asks_nobody_and_shows_no_value(vault, memory):
    shown = vault.client.ok("exec", "--dry-run", "--resolve", "-e", "A=secret/x#pw", f"--file={memory}/f=?secret/x", "--env-from=secret/all=DB_",
                            "--", "touch", f"{memory}/ran", env={"PW": "vault:secret/x#pw"})
    assert vault.seen == [] and list(memory.iterdir()) == []
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["variable", "A", "secret/x#pw"], ["file", f"{memory}/f", "?secret/x"], ["variable", "PW", "secret/x#pw"], ["variable", "DB_*", "secret/all"]]


# ---- a careless print ----


def forms(value: str) -> dict[str, str]:
    raw = value.encode()
    return {
        "raw": value, "json": json.dumps(value)[1:-1], "json utf-8": json.dumps(value, ensure_ascii=False)[1:-1],
        "url": urllib.parse.quote(value), "url strict": urllib.parse.quote(value, safe=""), "form": urllib.parse.quote_plus(value),
        "url lower": "".join(part.lower() if i % 2 else part for i, part in enumerate(urllib.parse.quote(value).split("\0"))),
        **{f"base64 {n}": base64.b64encode(b"#" * n + raw).decode() for n in range(3)},
        **{f"base64 {n} and more": base64.b64encode(b"#" * n + raw + b"!!!").decode() for n in range(3)},
        **{f"base64url {n}": base64.urlsafe_b64encode(b"#" * n + raw + b"\n").decode() for n in range(3)},
    }


@pytest.mark.parametrize("value", [SECRET, TRICKY, "12345678", "a-longer-value-" * 40])
def test_no_form_of_a_value_gets_out(vault, value):
    vault.answers.insert(0, ("/data/x ", plain(200, secret(value))))
    for name, form in forms(value).items():
        (vault.client.home / "text").write_text(f"before {form} behind\n")
        for stream in ("1", "2"):
            done = vault.client.run("exec", "--mask", "--env=PW=secret/x#pw", "--", "sh", "-c", f"cat text >&{stream}")
            shown = done.stdout if stream == "1" else done.stderr
            assert done.returncode == 0 and form not in shown and "***" in shown, (name, shown)
            # Of base64 some characters belong to the neighbours as well.
            rest = shown.replace("before ", "").replace(" behind\n", "").replace("***", "")
            assert len(rest) <= (12 if "base64" in name else 0), (name, shown)


def test_values_that_are_cut_by_writes(vault):
    script = f"printf 'x{SECRET[:5]}'; sleep 0.2; printf '{SECRET[5:]}y'; sleep 0.2; printf '{SECRET[:-1]}'; sleep 0.1; printf z"
    assert shell(vault, "--mask", "--env=PW=secret/x#pw", script=script) == f"x***y{SECRET[:-1]}z"


def test_several_values_and_those_in_files(vault, memory):
    vault.answers.insert(0, ("/data/key ", plain(200, secret("-----BEGIN KEY-----\nline-number-one\nline-number-two\n-----END KEY-----\n"))))
    shown = shell(vault, "--mask", "--env=A=secret/x#pw", f"--file={memory}/all=secret/all", f"--file={memory}/key=secret/key#pw",
                  script=f"echo $A ann-of-db 5432; cat {memory}/key; grep two {memory}/key")
    assert SECRET not in shown and "ann-of-db" not in shown and "line-number" not in shown and "5432" in shown


def test_short_values_are_not_masked(vault):
    vault.answers.insert(0, ("/data/x ", plain(200, secret("short"))))
    assert shell(vault, "--mask", "--env=PW=secret/x#pw", script="echo $PW") == "short\n"


@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["alone", "supervised"])
def test_status_signals_and_input_are_the_commands(vault, memory, options):
    done = vault.client.run("exec", "--mask", *options, "--env=PW=secret/x#pw", "--", "sh", "-c", "cat; exit 42", stdin="\x00bytes")
    assert (done.returncode, done.stdout) == (42, "\x00bytes")
    job = vault.client.start("exec", "--mask", *options, "--env=PW=secret/x#pw", "--", "sh", "-c",
                             f"trap 'echo got $PW; exit 9' TERM; touch {memory}/ready; while :; do sleep 0.1; done",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    wait_until(lambda: (memory / "ready").exists(), "the command")
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 9 and job.stdout.read() == b"got ***\n"
    assert set(revoked(vault)) == {b"s.false"}


def test_what_is_not_a_value_passes_byte_by_byte(vault):
    """Much of it, of any bytes, with beginnings of values all over; in order."""
    dice = random.Random(21)
    pieces = [dice.randbytes(dice.randrange(200)), SECRET[:9].encode(), SECRET.encode(), b"\n", b"***"]
    data = b"".join(dice.choice(pieces) for _ in range(20_000))
    (vault.client.home / "data").write_bytes(data)
    done = subprocess.run([arv_vault_path(), "exec", "--mask", "--env=PW=secret/x#pw", "--", "cat", "data"], env=vault.client.environment(),
                          cwd=vault.client.home, capture_output=True, check=True, timeout=60)
    assert done.stdout == data.replace(SECRET.encode(), b"***")


def test_a_child_that_stays_is_not_waited_for(vault):
    begin = time.monotonic()
    assert shell(vault, "--mask", "--env=PW=secret/x#pw", script="sleep 30 & echo done") == "done\n"
    assert time.monotonic() - begin < 20


def test_when_nobody_reads_the_command_notices(vault):
    job = vault.client.start("exec", "--mask", "--env=PW=secret/x#pw", "--", "yes", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    job.stdout.read(100_000)
    job.stdout.close()
    assert job.wait(20) == 128 + signal.SIGPIPE


def test_new_values_are_masked_as_well(vault, memory):
    from test_client_leases import DATABASE, account, in_turn, renewed

    vault.answers[:0] = [("/mounts/db", DATABASE), ("leases/renew", plain(403, {"errors": []})), ("renew-self", renewed(900)),
                         ("v1/db/creds/x", in_turn(account("first-account", 4), account("second-account")))]
    job = vault.client.start("exec", "--mask", "--supervise", f"--file={memory}/pw=db/creds/x#password", "--", "sh", "-c",
                             f"while ! grep -q second {memory}/pw; do sleep 0.1; done; cat {memory}/pw", stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    assert job.wait(40) == 0 and job.stdout.read() == b"***"


@pytest.mark.parametrize("name", ["ARV_VAULT_EXEC"])
def test_as_the_node_starts_it(vault, memory, name):
    """What the OCI wrapper and the shim put in front of a container's command."""
    done = vault.client.run("exec", "--resolve", "--mask", "--supervise", "--", "sh", "-c", "echo $PW; exit 3",
                            env={"PW": "vault:secret/x#pw", name: "1"})
    assert (done.returncode, done.stdout) == (3, "***\n") and os.environ.get(name) is None
