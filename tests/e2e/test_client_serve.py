"""arv-vault serve: one session for another program, over lines of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

import pytest

from client import SECRET, make_client
from false_vault import AUTH, asked, in_turn, logged_in, plain, revoked, secret
from processes import wait_until

KV = "/data/x "


class Session:
    """A running `serve`. `ask` returns the whole answer."""

    def __init__(self, client, *options: str, **more) -> None:
        self.job = client.start("serve", "--stdio", *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)
        self.n = 0

    def send(self, line: str | bytes) -> None:
        self.job.stdin.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
        self.job.stdin.flush()

    def answer(self) -> dict:
        return json.loads(self.job.stdout.readline())

    def ask(self, operation: str, **fields) -> dict:
        self.n += 1
        self.send(json.dumps({"id": self.n, "do": operation, **fields}))
        answer = self.answer()
        assert answer.pop("id") == self.n
        return answer

    def result(self, operation: str, **fields) -> dict:
        answer = self.ask(operation, **fields)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, operation: str, **fields) -> tuple[int, str, str]:
        answer = self.ask(operation, **fields)
        assert "result" not in answer and SECRET not in json.dumps(answer), answer
        return answer["error"]["status"], answer["error"]["reason"], answer["error"]["message"]

    def end(self) -> int:
        """By the end of its input; what it wrote to standard error holds no secret."""
        self.job.stdin.close()
        status = self.job.wait(30)
        assert self.job.stdout.read() == b""
        self.words = self.job.stderr.read().decode()
        assert SECRET not in self.words
        return status


@pytest.fixture
def session(client):
    session = Session(client)
    yield session
    session.job.kill()
    session.job.wait()


@pytest.fixture
def false_session(false_vault):
    """With a secret at secret/x."""
    false_vault.answers[:0] = [(KV, plain(200, secret()))]
    session = Session(false_vault.client)
    session.vault = false_vault
    yield session
    session.job.kill()
    session.job.wait()


# ---- what it answers ----


def test_values_keep_their_types(client, session):
    fields = {"password": SECRET, "port": 5432, "ratio": 0.5, "tls": True, "hosts": ["a", {"b": None}], "odd": 'é\n"\\ 🔑'}
    path = client.put("open/db", **fields)
    assert session.result("get", ref=f"{path}#password") == {"value": SECRET, "version": 1}
    for name, value in fields.items():
        assert session.result("get", ref=f"{path}#{name}")["value"] == value
    assert session.result("get", ref=path) == {"data": fields, "version": 1}
    assert session.result("get_all", path=path) == {"data": fields, "version": 1}
    assert session.end() == 0 and session.words == ""


def test_failures_have_the_exit_status_and_the_words_of_the_command(client, session):
    path = client.put("open/db", password=SECRET)
    client.put("closed/db", password=SECRET)
    for ref in (f"{client.kv}/open/none", f"{path}#user", f"{client.kv}/closed/db", "/", f"{path}#"):
        done = client.run("get", ref)
        status, _, message = session.error("get", ref=ref)
        assert status == done.returncode != 0, (ref, message)
        assert message.split(" (")[0] in done.stderr
    assert session.result("get", ref=f"?{client.kv}/open/none#x") == {"absent": True}
    assert session.result("get", ref=f"?{path}#user") == {"absent": True}
    assert session.error("get", ref=f"?{client.kv}/closed/db#x")[0] == 77
    assert session.result("get", ref=f"{path}#password")["value"] == SECRET


def test_a_whole_secret_is_written_by_check_and_set(client, session):
    path = f"{client.kv}/mine/x"
    assert session.result("get_all", path=path, optional=True) == {"version": 0}
    assert session.result("set_all", path=path, data={"a": "1"}, version=0) == {"version": 1}
    status, reason, message = session.error("set_all", path=path, data={"a": "2"}, version=0)
    assert (status, reason) == (75, "version_conflict") and path in message
    assert session.result("set_all", path=path, data={"a": "3"}) == {"version": 2}
    assert session.result("set_all", path=path, data={"b": "4"}, version=2) == {"version": 3}
    assert session.result("set_all", path=path, data={"b": "5"}, check=False) == {"version": 4}
    assert session.result("get_all", path=path) == {"data": {"b": "5"}, "version": 4}
    client.mount.bao.call("DELETE", f"{client.kv}/data/mine/x")
    assert session.error("get_all", path=path)[0] == 66
    assert session.result("get_all", path=path, optional=True) == {"version": 4}
    assert session.error("set_all", path=path, data={}, version=0)[1] == "version_conflict"


def test_put_changes_one_field_and_keeps_the_others(client, session):
    path = f"{client.kv}/mine/x"
    assert session.result("put", ref=f"{path}#a", value=SECRET) == {"version": 1}
    assert session.result("put", ref=f"{path}#b", value=["c", 1]) == {"version": 2}
    assert session.result("put", ref=f"{path}#a", value="d") == {"version": 3}
    assert client.read("mine/x")["data"] == {"a": "d", "b": ["c", 1]}
    client.mount.bao.call("DELETE", f"{client.kv}/data/mine/x")
    assert session.result("put", ref=f"{path}#e", value="f") == {"version": 4}
    assert client.read("mine/x")["data"] == {"e": "f"}
    assert session.error("put", ref=path, value="x")[0] == 64
    assert session.error("put", ref=f"{client.kv}/closed/x#a", value=SECRET)[0] == 77


def test_put_tries_again_when_others_write(false_session):
    conflict = plain(400, {"errors": ["check-and-set parameter did not match the current version"]})
    written = plain(200, {"data": {"version": 2}})
    false_session.vault.answers[:0] = [("POST .*" + KV, in_turn(conflict, conflict, written))]
    assert false_session.result("put", ref="secret/x#a", value="b") == {"version": 2}
    false_session.vault.answers[:0] = [("POST .*" + KV, conflict)]
    assert false_session.error("put", ref="secret/x#a", value="b")[:2] == (75, "version_conflict")


def test_kv_v1_has_no_check(granted, tmp_path):
    mount, container = granted
    client = make_client(mount, tmp_path, container, version=1)
    session = Session(client)
    path = f"{client.kv}/mine/x"
    assert session.error("set_all", path=path, data={"a": "1"})[0] == 78
    assert session.error("put", ref=f"{path}#a", value="1")[0] == 78
    assert session.result("set_all", path=path, data={"a": "1"}, check=False) == {}
    assert session.result("get_all", path=path) == {"data": {"a": "1"}}
    assert session.end() == 0


def test_whoami_and_login(client, session):
    before = client.tokens_alive()
    assert "arvados-read" in session.result("whoami")["policies"]
    given = session.result("login")
    assert given["token"].startswith("s.") and "arvados-read" in given["policies"] and given["ttl"] > 0
    assert session.end() == 0
    # The session's own token has ended, the one that was given away has not.
    assert client.tokens_alive() == before + 1
    assert client.ok("revoke", env={"BAO_TOKEN": given["token"]}) == ""


@pytest.mark.parametrize("line, words", [
    ("", "request"), ("x", "request"), ("[1]", "not a JSON object"), ("{}", '"do"'), ('{"do": "dance"}', 'unknown operation "dance"'),
    ('{"do": "get"}', '"ref"'), ('{"do": "get", "ref": 1}', '"ref"'), ('{"do": "set_all", "path": "secret/x"}', '"data"'),
    ('{"do": "set_all", "path": "secret/x", "data": {}, "versoin": 3}', 'unknown field "versoin"'),
    ('{"do": "set_all", "path": "secret/x", "data": {}, "version": -2}', '"version"'),
    ('{"do": "set_all", "path": "secret/x", "data": {"a": 1, "a": 2}}', "request"),
    ('{"do": "put", "ref": "secret/x#a"}', '"value"'), ("[" * 1000, "request"), (b'{"do": "get\0"}', "request"), (b"\xff\xfe", "request"),
])
def test_a_bad_request_is_answered_and_the_next_one_works(false_session, line, words):
    false_session.send(line)
    answer = false_session.answer()
    assert answer["error"]["status"] == 64 and words in answer["error"]["message"], answer
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    assert false_session.end() == 0


def test_a_request_without_end_is_refused(false_session):
    with contextlib.suppress(BrokenPipeError):
        for _ in range(20):
            false_session.job.stdin.write(b"x" * 2**20)
    assert false_session.job.wait(10) == 64
    assert b"longer than" in false_session.job.stderr.read()


def test_large_values_and_many_lines_at_once(client, session):
    path = client.put("open/big", value=SECRET * 20_000)
    for n in range(50):
        session.send(json.dumps({"id": n, "do": "get", "ref": f"{path}#value"}))
    for n in range(50):
        answer = session.answer()
        assert answer["id"] == n and answer["result"]["value"] == SECRET * 20_000


# ---- its token ----


def test_a_thousand_reads_cost_one_start_and_one_login(false_session):
    for _ in range(1000):
        assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    assert asked(false_session.vault, "/login") == 1 and asked(false_session.vault, KV) == 1000
    assert asked(false_session.vault, "lookup-self") == 0
    assert false_session.end() == 0
    assert revoked(false_session.vault) == [b"s.false"]


def test_nothing_is_asked_before_the_first_request(false_session):
    assert false_session.end() == 0 and false_session.vault.seen == []


def test_it_renews_while_it_waits(false_session):
    false_session.vault.answers[:0] = [("/login", logged_in("s.false", 2)), ("renew-self", logged_in("s.false", 2))]
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    wait_until(lambda: asked(false_session.vault, "renew-self") >= 2, "two renewals")
    assert asked(false_session.vault, "/login") == 1


def test_a_token_at_its_maximum_is_replaced(false_session):
    false_session.vault.answers[:0] = [("/login", in_turn(logged_in("s.first", 2), logged_in("s.second", 900))),
                                       ("renew-self", plain(403, {"errors": []}))]
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    wait_until(lambda: asked(false_session.vault, "/login") == 2, "the second login")
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    assert false_session.end() == 0
    assert revoked(false_session.vault) == [b"s.first", b"s.second"]


def test_a_token_that_has_ended_is_replaced_when_it_is_refused(client, session):
    path = client.put("open/db", password=SECRET)
    assert session.result("get", ref=f"{path}#password")["value"] == SECRET
    assert client.mount.bao.call("POST", f"sys/leases/revoke-prefix/auth/{client.mount.path}/login").status_code == 204
    assert session.result("get", ref=f"{path}#password")["value"] == SECRET


def test_a_refusal_by_policy_is_no_reason_for_another_login(false_session):
    false_session.vault.answers[:0] = [(KV, plain(403, {"errors": []})), ("lookup-self", plain(200, {"data": {"ttl": 900}}))]
    for _ in range(3):
        assert false_session.error("get", ref="secret/x#pw")[0] == 77
    assert asked(false_session.vault, "/login") == 1


def test_a_given_token_is_never_replaced_by_another_identity(false_vault):
    false_vault.answers[:0] = [(KV, plain(403, {"errors": []})), ("lookup-self", plain(403, {"errors": []}))]
    false_vault.client.env["BAO_TOKEN"] = "s.given"
    session = Session(false_vault.client)
    assert session.error("get", ref="secret/x#pw")[0] == 77
    assert session.end() == 0
    assert asked(false_vault, "/login") == 0 and revoked(false_vault) == []


def test_leases_are_renewed_and_end_with_the_session(false_session):
    account = plain(200, {"lease_id": "db/creds/x/1", "lease_duration": 2, "renewable": True, "data": {"password": SECRET}})
    false_session.vault.answers[:0] = [("/mounts/db", plain(200, {"data": {"path": "db/", "type": "database"}})),
                                       ("v1/db/creds/x", account),
                                       ("leases/renew", plain(200, {"lease_id": "db/creds/x/1", "lease_duration": 2}))]
    assert false_session.result("get", ref="db/creds/x#password") == {"value": SECRET}
    wait_until(lambda: asked(false_session.vault, "leases/renew") >= 2, "two renewals")
    assert false_session.end() == 0 and revoked(false_session.vault) == [b"s.false"]


def test_an_outage_is_told_and_the_session_goes_on(false_session):
    false_session.vault.answers[:0] = [("/login", in_turn(plain(503, {"errors": []}), plain(200, AUTH)))]
    assert false_session.error("get", ref="secret/x#pw")[0] == 75
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET


# ---- its end ----


@pytest.mark.parametrize("change, status, words", [
    ({"BAO_ADDR": None}, 78, "BAO_ADDR"), ({"BAO_CACERT": "/nonexistent"}, 74, "/nonexistent"),
    ({"BAO_ADDR": "http://vault.example"}, 78, "address"), ({"ARVADOS_API_TOKEN": None}, 78, "ARVADOS_API_TOKEN"),
    ({"BAO_ADDR": "https://127.0.0.1:1"}, 75, "127.0.0.1"),
])
def test_what_is_wrong_with_the_settings_is_the_answer(false_vault, change, status, words):
    session = Session(false_vault.client, env=change)
    for _ in range(2):
        found, _, message = session.error("get", ref="secret/x#pw")
        assert found == status and words in message
    assert session.end() == 0 and session.words == ""


def test_quit_ends_it_and_revokes(false_session):
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    assert false_session.result("quit") == {}
    assert false_session.job.wait(10) == 0 and revoked(false_session.vault) == [b"s.false"]


def test_it_ends_when_nobody_reads_its_answers(false_session):
    assert false_session.result("get", ref="secret/x#pw")["value"] == SECRET
    false_session.job.stdout.close()
    false_session.send('{"do": "get", "ref": "secret/x#pw"}')
    assert false_session.job.wait(10) == 74 and revoked(false_session.vault) == [b"s.false"]


def test_it_ends_with_its_parent(false_vault):
    """The parent is killed: nothing is left to tell the child but the end of its pipe."""
    program = ("import os, subprocess, sys\n"
               "job = subprocess.Popen([sys.argv[1], 'serve', '--stdio'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
               "job.stdin.write(b'{\"do\": \"get\", \"ref\": \"secret/x#pw\"}\\n'); job.stdin.flush(); job.stdout.readline()\n"
               "print(job.pid, flush=True); sys.stdin.read()")
    false_vault.answers[:0] = [(KV, plain(200, secret()))]
    parent = subprocess.Popen(["python3", "-c", program, os.environ["VPA_BUILD"] + "/bin/arv-vault"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=false_vault.client.environment())
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{child}") or open(f"/proc/{child}/stat").read().split()[2] == "Z", "its end")
    assert revoked(false_vault) == [b"s.false"]


@pytest.mark.parametrize("options", [(), ("--stdio", "word"), ("--stdio", "--token-file=-"), ("--stdio", "--arvados-token-file=-")])
def test_how_it_is_not_called(false_vault, options):
    assert false_vault.client.refused(64, "serve", *options, stdin="")
