"""A false vault, or a true one that is ill: nothing is believed that can't be right, no token goes astray."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from client import SECRET
from false_vault import AUTH, TOKEN, FalseVault, asked, in_turn, logged_in, plain, secret


def test_the_false_vault_would_work_if_it_were_true(false_vault):
    false_vault.answers.append(("data/x", plain(200, secret())))
    assert false_vault.client.ok("get", "secret/x#pw") == SECRET


def test_no_redirect_is_followed_and_no_token_goes_there(false_vault, tmp_path):
    other = FalseVault(tmp_path)
    for status in (301, 302, 303, 308):
        false_vault.answers[:0] = [("/login", plain(status, {}, f"Location: {other.address}/v1/auth/arvados/login"))]
        assert "redirect" in false_vault.client.refused(69, "login")
    false_vault.answers[:0] = [("/login", plain(307, {}, f"Location: {other.address}/v1/auth/arvados/login"))]
    assert "a standby that can't reach its leader" in false_vault.client.refused(75, "login")
    assert other.seen == []
    other.close()


LEADERLESS = [plain(307, {}, "Location: https://127.0.0.1:1/v1/x"), plain(500, {"errors": ["local node not active but active cluster node not found"]})]


@pytest.mark.parametrize("answer", LEADERLESS, ids=["307", "500"])
def test_a_standby_without_a_leader_is_asked_again(false_vault, answer):
    false_vault.answers[:0] = [("/login", in_turn(answer, answer, logged_in("s.false"))), ("data/x", in_turn(answer, plain(200, secret())))]
    assert false_vault.client.ok("get", "secret/x#pw", "--max-retries=3") == SECRET
    false_vault.answers[:0] = [("data/x", answer)]
    false_vault.client.refused(75, "get", "secret/x#pw", "--max-retries=1")


@pytest.mark.parametrize("status", [307, 503])
def test_what_must_not_be_done_twice_is_not_though_a_standby_asks_for_it(false_vault, status):
    lookup = plain(200, {"data": {"creation_path": "secret/data/x"}})
    false_vault.answers[:0] = [("wrapping/lookup", lookup), ("wrapping/unwrap", plain(status, {}))]
    words = false_vault.client.refused(75, "unwrap", "--creation-path=secret/data/x", "--max-retries=3", stdin="s.wrap")
    assert "may have opened the wrapping" in words
    assert asked(false_vault, "wrapping/unwrap") == 1


def test_a_token_with_counted_uses_is_not_tried_again(false_vault):
    auth = {"auth": {**AUTH["auth"], "num_uses": 5}}
    false_vault.answers[:0] = [("/login", plain(200, auth)), ("data/x", plain(403, {"errors": ["permission denied"]}))]
    false_vault.client.refused(77, "get", "secret/x#pw")
    assert asked(false_vault, "data/x") == 1


def test_a_token_of_this_moment_that_a_standby_does_not_know_yet_is_tried_again(false_vault):
    unknown = plain(403, {"errors": ["permission denied"]})
    false_vault.answers[:0] = [("data/x", in_turn(unknown, unknown, plain(200, secret())))]
    assert false_vault.client.ok("get", "secret/x#pw") == SECRET
    assert asked(false_vault, "data/x") == 3


def test_a_given_token_that_may_not_is_told_so_at_once(false_vault):
    false_vault.answers[:0] = [("data/x", plain(403, {"errors": ["permission denied"]}))]
    false_vault.client.refused(77, "get", "secret/x#pw", env={"BAO_TOKEN": "s.given"})
    assert asked(false_vault, "data/x") == 1


def test_no_token_in_an_address_and_none_to_a_stranger(false_vault):
    false_vault.answers.append(("data/x", plain(200, secret())))
    false_vault.client.ok("get", "secret/x#pw")
    for request in false_vault.seen:
        head, body = request.split(b"\r\n\r\n", 1)
        first = head.split(b"\r\n")[0]
        assert b"v2" not in first and b"s.false" not in first
        assert (TOKEN.encode() in body) == first.startswith(b"POST /v1/auth/arvados/login")
        assert b"x-vault-request: true" in head.lower()
    seen = len(false_vault.seen)
    assert "not to be trusted" in false_vault.client.refused(78, "get", "secret/x", env={"BAO_CACERT": "/etc/ssl/certs/ca-certificates.crt"}
                                                             if Path("/etc/ssl/certs/ca-certificates.crt").exists() else {"BAO_CACERT": None})
    assert len(false_vault.seen) == seen


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "http_proxy", "VAULT_HTTP_PROXY", "BAO_HTTP_PROXY"])
def test_no_proxy_of_the_environment(false_vault, name):
    assert false_vault.client.ok("login", env={name: "http://127.0.0.1:1"}) == "s.false\n"


@pytest.mark.parametrize("answer", [
    plain(200, b"<html>"), plain(200, b""), plain(200, []), plain(200, {}), plain(200, {"auth": None}),
    plain(200, {"auth": {**AUTH["auth"], "client_token": ""}}), plain(200, {"auth": {**AUTH["auth"], "client_token": 5}}),
    plain(200, {"auth": {**AUTH["auth"], "client_token": "s.x\r\nX-Evil: 1"}}),
    plain(200, {"auth": {**AUTH["auth"], "client_token": "s.x\x00y"}}),
    plain(200, {"auth": {**AUTH["auth"], "lease_duration": "900"}}),
    plain(200, b'{"auth": {"client_token": "a", "client_token": "b"}}'), plain(200, b"\xff\xfe"),
    b"HTTP/1.1 200 X\r\n\r\n{}", b"HTTP/1.1 200 X\r\nContent-Length: 5000000000\r\n\r\n{", b"garbage\r\n\r\n",
    plain(200, b"[" * 10000), plain(200, b'{"a":' * 1000), plain(204, b""),
    b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
])
def test_logins_that_can_not_be_right(false_vault, answer):
    false_vault.answers[:0] = [("/login", answer)]
    done = false_vault.client.run("login")
    assert done.returncode in (69, 75, 78) and done.stdout == "" and done.stderr.startswith("arv-vault: "), done
    assert len(done.stderr) < 1500 and done.stderr.count("\n") == 1


@pytest.mark.parametrize("answer", [
    plain(200, {}), plain(200, {"data": None}), plain(200, {"data": {"data": []}}), plain(200, {"data": {"data": {"pw": "x"}}}),
    plain(200, {"data": {"data": {"pw": "x"}, "metadata": {"version": "1"}}}), plain(200, b'{"data": {"data": {"pw": "a", "pw": "b"}, "metadata": {"version": 1}}}'),
    plain(200, b'{"data": {"data": {"pw": "\xff"}, "metadata": {"version": 1}}}'), plain(204, b""),
    plain(200, b"x" * 5_000_000), plain(200, json.dumps(secret()).encode()[:-5]),
    plain(200, json.dumps(secret()).encode())[:-9],  # cut off, and then nothing
])
def test_secrets_that_can_not_be_right(false_vault, answer):
    false_vault.answers.append(("data/x", answer))
    done = false_vault.client.run("get", "secret/x#pw")
    assert done.returncode in (69, 75) and done.stdout == "", done
    assert SECRET not in done.stderr


def test_numbers_pass_as_they_are_written(false_vault):
    """No double in between, which would change the digits, and has none for some."""
    numbers = '{"a":1.10,"b":1e400,"zero":-0,"zeros":[-0,0],"c":100000000000000000000.5,"d":[-0.0,1E+5],"e":9223372036854775807}'
    false_vault.answers += [("GET .*data/x", plain(200, b'{"data":{"data":%s,"metadata":{"version":1}}}' % numbers.encode())),
                            ("POST .*data/x", plain(200, {"data": {"version": 2}}))]
    assert false_vault.client.ok("get", "secret/x") == numbers + "\n"
    assert false_vault.client.ok("get", "secret/x#zero") == "-0"
    assert false_vault.client.ok("put-all", "--cas=1", "secret/x", stdin=numbers) == "2\n"
    assert b'"data":' + numbers.encode() in next(request for request in false_vault.seen if request.startswith(b"POST /v1/secret/data/x"))


@pytest.mark.parametrize("data", [
    {"path": "other/", "type": "kv"}, {"path": "", "type": "kv"}, {"path": None}, {"type": "kv"}, {"path": "secret/" + "x" * 600},
])
def test_mounts_that_can_not_be_right(false_vault, data):
    false_vault.answers[:0] = [("/mounts/", plain(200, {"data": data}))]
    done = false_vault.client.run("get", "secret/x#pw")
    assert done.returncode in (66, 69) and done.stdout == ""


def test_the_servers_words_are_told_safely(false_vault):
    false_vault.answers[:0] = [("/login", plain(400, {"errors": ["bad \x1b[31mred\r\nX: y\u202e " + "w" * 5000, 7, None]}))]
    words = false_vault.client.refused(69, "login")
    assert "\x1b" not in words and "\u202e" not in words and words.count("\n") == 1 and len(words) < 1500


def test_the_servers_lists_are_one_line(false_vault):
    false_vault.answers[:0] = [("/login", plain(400, {"errors": ["2 errors occurred:\n\t* one thing\n\t* another\n\n"]}))]
    assert "2 errors occurred: one thing another" in false_vault.client.refused(69, "login")


@pytest.mark.parametrize("name", ["x\u009b31my", "x\u202ey", "x\u0085y", "x\x1b[2Jy"])
def test_no_cell_of_a_table_moves_the_terminal(false_vault, name):
    false_vault.answers[:0] = [("lookup-self", plain(200, {"data": {"display_name": name, "policies": [name], "meta": {"k": name}}}))]
    shown = false_vault.client.ok("whoami")
    assert "x?" in shown and not set(shown) & set("\u009b\u202e\u0085\x1b")


@pytest.mark.parametrize("status, exit_status", [(400, 69), (403, 77), (404, 69), (405, 69), (412, 75), (429, 75), (500, 69), (502, 75),
                                                 (503, 75), (504, 75), (418, 69), (206, 69)])
def test_statuses(false_vault, status, exit_status):
    false_vault.answers[:0] = [("/login", plain(status, {"errors": ["words of the server"]}))]
    assert false_vault.client.refused(exit_status, "login")


def test_a_slow_server_ends_at_the_deadline(false_vault):
    false_vault.answers[:0] = [("/login", b"HANG")]
    assert "in time" in false_vault.client.refused(75, "login", env={"BAO_CLIENT_TIMEOUT": "1s"})


def test_a_moments_trouble_is_waited_for(false_vault):
    """A login, a read; but what may be done only once is not sent twice when nobody knows whether it was done."""
    false_vault.answers.append(("data/x", b""))  # closes without a word
    false_vault.client.refused(75, "get", "secret/x#pw", env={"BAO_MAX_RETRIES": "2"})
    assert sum(b"GET /v1/secret/data/x" in request for request in false_vault.seen) >= 2
    false_vault.answers[:0] = [("POST /v1/secret/data/x", b"")]
    false_vault.client.refused(75, "put-all", "--cas=1", "secret/x", stdin="{}", env={"BAO_MAX_RETRIES": "2"})
    assert sum(b"POST /v1/secret/data/x" in request for request in false_vault.seen) == 1


def test_no_plain_http_but_on_this_machine(false_vault):
    for address in ("http://10.0.0.1:8200", "http://localhost.example:1", "http://127.0.0.1.example", "HTTP://vault"):
        assert "this very machine" in false_vault.client.refused(78, "login", env={"BAO_ADDR": address})
    for address in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        assert "can't be reached" in false_vault.client.refused(75, "login", env={"BAO_ADDR": address})


def test_plain_http_on_this_machine_works(tmp_path, false_vault):
    class Plain(FalseVault):
        def __init__(self) -> None:
            self.answers, self.seen = [("/login", plain(200, AUTH))], []
            self.listen(socket.create_server(("127.0.0.1", 0)))
            self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    server = Plain()
    assert false_vault.client.ok("login", env={"BAO_ADDR": server.address, "BAO_CACERT": None}) == "s.false\n"
    server.close()


def test_dynamic_secrets_keep_their_token(false_vault):
    """A lease ends with its token: it is not revoked, and one is told of --supervise."""
    false_vault.answers[:0] = [("/mounts/", plain(200, {"data": {"path": "db/", "type": "database"}}))]
    false_vault.answers.append(("db/creds/x", plain(200, {"lease_id": "db/creds/x/1", "lease_duration": 60, "renewable": True,
                                                           "data": {"password": SECRET}})))
    done = false_vault.client.run("exec", "--env=PW=db/creds/x#password", "sh", "-c", "echo $PW")
    assert done.stdout == SECRET + "\n" and "--supervise" in done.stderr and "60 s" in done.stderr
    assert not any(b"revoke-self" in request for request in false_vault.seen)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_wrapping_that_was_opened_just_now_counts_as_stolen(false_vault, status):
    false_vault.answers[:0] = [("wrapping/lookup", plain(200, {"data": {"creation_path": "secret/data/x"}})),
                               ("wrapping/unwrap", plain(status, {"errors": ["wrapping token is not valid or does not exist"]}))]
    assert "as stolen" in false_vault.client.refused(77, "unwrap", "--creation-path=secret/data/x", stdin="s.wrap")


def test_a_batch_token_is_not_revoked(false_vault):
    batch = {"auth": {**AUTH["auth"], "token_type": "batch", "renewable": False}}
    false_vault.answers[:0] = [("/login", plain(200, batch)), ("data/x", plain(200, secret()))]
    false_vault.client.ok("get", "secret/x#pw")
    assert not any(b"revoke-self" in request for request in false_vault.seen)


def test_on_a_terminal_one_is_told_what_is_waited_for(false_vault):
    import pty

    false_vault.answers[:0] = [("/login", b"HANG")]
    master, slave = pty.openpty()
    from client import arv_vault_path
    job = subprocess.Popen([arv_vault_path(), "login"], env=false_vault.client.environment(BAO_CLIENT_TIMEOUT="4s"), stderr=slave,
                           stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(slave)
    assert job.wait(30) == 75
    assert b"waiting for 127.0.0.1" in os.read(master, 65536)
    os.close(master)
