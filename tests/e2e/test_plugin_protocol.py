"""The plugin protocol seen from outside, over a toy backend (tests/support/toy_backend.c).

First with a real server (toy/host.py), then with this side playing the host (toy/direct.py).
VPA_BUILD names the build folder, VPA_BAO the server's binary.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from toy import direct  # noqa: E402
from toy.host import Bao, wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("VPA_BUILD", "build"))
TOY = BUILD / "bin" / "toy-plugin"
SLOW = 5 if os.environ.get("VPA_SANITIZED") else 1  # sanitized builds start and stop more slowly


@pytest.fixture
def tmp_path():
    """A folder with a short name: a socket's path has 107 bytes, and pytest's own folders use most of them."""
    with tempfile.TemporaryDirectory(prefix="toy-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def bao():
    """One server with the toy at auth/toy, for tests that leave it as they found it."""
    with tempfile.TemporaryDirectory(prefix="toy-") as folder, Bao(TOY, folder) as server:
        server.register().enable("toy")
        yield server


PLANTED = {"http_proxy": "http://127.0.0.1:9", "GRPC_TRACE": "all", "GRPC_VERBOSITY": "debug",
           "SSLKEYLOGFILE": "/nonexistent/keys", "VAULT_TOKEN": "s.hosttoken", "OPENSSL_CONF": "/nonexistent"}


@pytest.fixture
def own_bao(tmp_path, request):
    """A server for one test, with an environment that must not matter."""
    server = Bao(TOY, tmp_path, storage=getattr(request, "param", "inmem"), env=PLANTED)
    server.start()
    server.register().enable("toy")
    yield server
    server.stop()


# ---- requests and answers ----


def test_a_request_arrives_whole_and_its_answer_returns(bao):
    answer = bao.write("auth/toy/echo", text="grüße \u20ac \U0001f600 \" \\ /")

    assert answer.status == 200
    assert answer.data["text"] == "grüße \u20ac \U0001f600 \" \\ /"
    assert answer.data["path"] == "echo"
    assert answer.data["mount"] == "auth/toy/"
    assert answer.data["remote_addr"] == "127.0.0.1"
    assert answer.data["request_id"] == answer.body["request_id"]
    assert answer.data["operation"] == "update"


def test_a_login_gives_a_token_with_what_the_backend_granted(bao):
    answer = bao.login("toy", user="alice", ttl=300)

    auth = answer.body["auth"]
    assert auth["token_policies"] == ["default", "toy"]
    assert auth["metadata"] == {"user": "alice"}
    assert auth["lease_duration"] == 300
    assert auth["renewable"] and auth["orphan"] and auth["entity_id"]
    assert answer.body["warnings"] == ["a warning of the toy"]
    looked_up = bao.write("auth/token/lookup", token=auth["client_token"]).data
    assert looked_up["display_name"] == "toy-alice"
    assert looked_up["explicit_max_ttl"] == 7200


def test_a_renewal_gets_the_time_that_the_backend_says_and_no_more(bao):
    token = bao.login("toy", user="alice").body["auth"]["client_token"]

    renewed = bao.request("POST", "auth/token/renew-self", {}, token=token)
    greedy = bao.request("POST", "auth/token/renew-self", {"increment": "60m"}, token=token)

    assert renewed.body["auth"]["lease_duration"] == 900
    assert renewed.body["auth"]["metadata"] == {"user": "alice"}
    assert greedy.body["auth"]["lease_duration"] in (899, 900, 901)


def test_a_login_without_a_time_to_live_gives_no_token(bao):
    for ttl in (0, -5):
        assert bao.login("toy", user="alice", ttl=ttl).status == 500


def test_a_login_without_an_alias_gives_no_token(bao):
    assert bao.login("toy", user="").status == 500


ERRORS = [  # reason, status, is the text kept?
    ("bad_request", 400, True),
    ("no_grant", 403, True),
    ("not_found", 404, False),
    ("unsupported_operation", 405, False),
    ("upstream_bad_answer", 502, True),
    ("upstream_timeout", 503, True),
    ("overloaded", 503, True),
    ("internal", 500, True),
    ("host", 500, True),
]


@pytest.mark.parametrize("reason,status,kept", ERRORS)
def test_a_failure_comes_out_with_its_status_and_text(bao, reason, status, kept):
    token = bao.login("toy", user="alice", renew=reason).body["auth"]["client_token"]
    answers = {
        "read": bao.read(f"auth/toy/fail/{reason}"),
        "write": bao.write(f"auth/toy/fail/{reason}", a=1),
        "delete": bao.delete(f"auth/toy/fail/{reason}"),
        "login": bao.login("toy", user="alice", fail=reason),
        "renew": bao.request("POST", "auth/token/renew-self", {}, token=token),
    }

    for operation, answer in answers.items():
        assert answer.status == status, (operation, answer)
        # An unauthenticated caller reads the message only if the request itself was wrong.
        if kept and (operation != "login" or status == 400):
            assert f"toy fails with {reason}" in answer.errors, (operation, answer)
        elif operation == "login":
            assert not any("toy fails" in text for text in answer.errors), answer


def test_a_failure_of_the_existence_check_is_the_requests_or_an_internal_error(bao):
    assert bao.write("auth/toy/fail-exists/bad_request", a=1).status == 400
    assert bao.write("auth/toy/fail-exists/internal", a=1).status == 500


def test_what_the_backend_does_not_have_is_refused_by_type(bao):
    assert bao.request("PATCH", "auth/toy/echo", {"text": "x"}).status == 405
    assert bao.request("SCAN", "auth/toy/echo").status in (404, 405)
    assert bao.delete("auth/toy/echo").status == 405
    assert bao.read("auth/toy/nowhere").status == 404
    assert bao.write("auth/toy/nowhere", a=1).status in (404, 405)


def test_path_help_and_the_api_document_come(bao):
    assert "Echo" in bao.read("auth/toy/echo?help=1").body["help"] or bao.read("auth/toy/echo?help=1").status == 200
    assert "/auth/toy/login" in bao.read("sys/internal/specs/openapi").body["paths"]


def test_an_answer_that_is_no_text_is_an_error_of_ours(bao):
    answer = bao.read("auth/toy/bad")

    assert answer.status == 500
    assert "not valid UTF-8" in answer.errors


@pytest.mark.needs_lenient_json
@pytest.mark.parametrize("body,words", [
    (b'{"user":"a","user":"b"}', "user"),
    (b'{"text":"' + b"x" * 70000 + b'"}', ""),
    (b'{"text":"' + b"x" * 3_000_000 + b'"}', "larger"),
    (b'{"text":"' + b"<" * 5_000_000 + b'"}', "larger"),
])
def test_a_login_body_that_is_odd_or_too_large_is_a_clear_400(bao, body, words):
    answer = bao.request("POST", "auth/toy/login", raw=body, token="")

    if b'"user":"a"' in body:  # the host itself folds duplicate keys
        assert answer.status in (200, 400)
        return
    assert answer.status == 400, answer
    assert words in answer.errors
    assert bao.login("toy", user="alice").status == 200  # the connection lives


@pytest.mark.needs_lenient_json
def test_bodies_up_to_a_mebibyte_pass_for_those_with_a_token(bao):
    assert len(bao.write("auth/toy/echo", text="x" * 1_000_000).data["text"]) == 1_000_000
    assert bao.write("auth/toy/echo", text="x" * 1_100_000).status == 400


def test_storage_keeps_reads_lists_and_deletes(bao):
    created = bao.write("auth/toy/store/a", value="1")
    updated = bao.write("auth/toy/store/a", value="zwei \u20ac")
    assert (created.data["operation"], updated.data["operation"]) == ("create", "update")
    assert bao.read("auth/toy/store/a").data["value"] == "zwei \u20ac"
    bao.write("auth/toy/store/b", value="x" * 700_000)
    assert bao.list("auth/toy/store").data["keys"] == ["a", "b"]
    assert len(bao.read("auth/toy/store/b").data["value"]) == 700_000
    for key in "ab":
        assert bao.delete(f"auth/toy/store/{key}").status == 204
    assert bao.read("auth/toy/store/a").status == 404
    assert bao.list("auth/toy/store").status == 404


# ---- slow requests ----


def test_slow_logins_hold_up_neither_each_other_nor_a_read(bao):
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        slow = [pool.submit(bao.login, "toy", user="alice", sleep_ms=2000) for _ in range(30)]
        time.sleep(0.5)
        start = time.monotonic()
        assert bao.read("auth/toy/process").status == 200
        assert bao.login("toy", user="bob").status == 200
        took = time.monotonic() - start
        answers = [f.result() for f in slow]
        whole = time.monotonic() - start

    assert took < 1
    assert whole < 4 * SLOW
    assert all(answer.status == 200 for answer in answers)


def test_requests_of_admins_hold_up_no_login(bao):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        slow = [pool.submit(bao.read, "auth/toy/sleep/1500") for _ in range(8)]
        time.sleep(0.3)
        start = time.monotonic()
        assert bao.login("toy", user="bob").status == 200
        assert time.monotonic() - start < 1
        assert all(f.result().status == 200 for f in slow)


def test_a_client_that_goes_away_cancels_its_request(bao):
    before = bao.read("auth/toy/process").data["cancelled"]

    with contextlib.suppress(OSError):
        bao.read("auth/toy/sleep/30000", timeout=0.5)

    wait_for(lambda: bao.read("auth/toy/process").data["cancelled"] == before + 1, 5)


SHARE = 64  # threads that logins of one mount may have while no other mount is active


def test_a_client_that_goes_away_while_its_login_waits_costs_nothing(bao):
    before = bao.read("auth/toy/process").data["logins"]
    with concurrent.futures.ThreadPoolExecutor(80) as pool:
        slow = [pool.submit(bao.login, "toy", user="alice", sleep_ms=1500) for _ in range(SHARE)]
        wait_for(lambda: bao.read("auth/toy/process").data["logins"] == before + SHARE, 5)

        def give_up():
            with pytest.raises(OSError):
                bao.request("POST", "auth/toy/login", {"user": "bob"}, token="", timeout=0.3)

        for impatient in [pool.submit(give_up) for _ in range(20)]:
            impatient.result()
        assert all(f.result().status == 200 for f in slow)

    assert bao.read("auth/toy/process").data["logins"] == before + SHARE


def test_logins_that_hang_at_one_mount_leave_threads_to_another(bao):
    before = bao.read("auth/toy/process").data["logins"]
    bao.enable("toy2")
    with concurrent.futures.ThreadPoolExecutor(80) as pool:
        slow = [pool.submit(bao.login, "toy", user="alice", sleep_ms=3000) for _ in range(SHARE + 10)]
        wait_for(lambda: bao.read("auth/toy/process").data["logins"] == before + SHARE, 5)

        quick = [bao.login("toy2", user="bob") for _ in range(20)]

        assert all(answer.status == 200 for answer in quick)
        assert not any(f.done() for f in slow)
        assert all(f.result().status == 200 for f in slow)
    assert bao.disable("toy2").status == 204


def test_logins_that_wait_in_vain_are_refused_when_their_time_is_over_however_many_they_are(bao):
    before = bao.read("auth/toy/process").data["logins"]
    with concurrent.futures.ThreadPoolExecutor(SHARE + 60) as pool:
        slow = [pool.submit(bao.login, "toy", user="alice", sleep_ms=12000) for _ in range(SHARE)]
        wait_for(lambda: bao.read("auth/toy/process").data["logins"] == before + SHARE, 5)

        waiting = [pool.submit(bao.login, "toy", user="bob") for _ in range(60)]
        refused = [f.result() for f in waiting]

        assert not any(f.done() for f in slow), "they were refused while all threads were busy"
        assert {answer.status for answer in refused} == {503}
        assert all("overloaded" in str(answer.body) for answer in refused)
        assert bao.read("auth/toy/process").data["refused"] == 60
        assert all(f.result().status == 200 for f in slow)
    assert bao.read("auth/toy/process").data["logins"] == before + SHARE, "none of them was ever begun"
    wait_for(lambda: "requests were refused before they got a turn" in bao.log())


@pytest.mark.plain_build  # the sanitizers keep what was freed
def test_bodies_that_can_only_be_refused_never_wait(bao):
    pid = bao.read("auth/toy/process").data["pid"]
    before = bao.read("auth/toy/process").data["logins"]
    with concurrent.futures.ThreadPoolExecutor(SHARE + 10) as pool:
        slow = [pool.submit(bao.login, "toy", user="alice", sleep_ms=15000) for _ in range(SHARE)]
        wait_for(lambda: bao.read("auth/toy/process").data["logins"] == before + SHARE, 5)
        rss = resident(pid)

        refused = list(pool.map(lambda _: bao.login("toy", user="x" * 1_900_000), range(60)))

        assert {answer.status for answer in refused} == {400}
        assert not any(f.done() for f in slow), "they did not wait for a thread"
        assert resident(pid) - rss < 38_000_000, "a third of what they hold together"
        assert all(f.result().status == 200 for f in slow)


def resident(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_failure_is_logged_once_with_its_reason_and_route(bao):
    def failed(path, operation):
        return [line for line in bao.log().splitlines()
                if "request failed" in line and f"path={path} " in line.replace('"', "") and f"operation={operation} " in line]

    before = len(failed("fail/+", "read"))
    answer = bao.read("auth/toy/fail/internal")
    bao.login("toy", user="alice", fail="bad_request")

    wait_for(lambda: failed("login", "update"))  # the log takes its time
    ours, theirs = failed("fail/+", "read"), failed("login", "update")
    assert len(ours) == before + 1
    assert "[ERROR]" in ours[-1] and "reason=internal" in ours[-1] and answer.status == 500
    assert "[DEBUG]" in theirs[-1] and "reason=" in theirs[-1] and "took_ms=" in theirs[-1]
    assert not failed("login", "unknown")  # resolve-path before each request


# ---- life of mounts and processes ----


def test_two_mounts_share_a_process_but_no_data(bao):
    bao.enable("toy2")
    bao.write("auth/toy/store/x", value="one")

    first, second = bao.read("auth/toy/process").data, bao.read("auth/toy2/process").data

    assert first["pid"] == second["pid"]
    assert bao.read("auth/toy2/store/x").status == 404
    assert bao.disable("toy2").status == 204
    assert bao.read("auth/toy2/process").status in (403, 404)
    assert bao.read("auth/toy/store/x").data["value"] == "one"
    assert bao.delete("auth/toy/store/x").status == 204


def test_the_last_mount_takes_the_process_along(own_bao):
    pid = own_bao.plugin_pid()
    start = time.monotonic()

    assert own_bao.disable("toy").status == 204

    assert time.monotonic() - start < 1.5 * SLOW
    assert direct.wait_gone(pid, 1)
    assert own_bao.socket_dirs() == []
    own_bao.enable("toy")
    assert own_bao.login("toy", user="alice").status == 200


def test_a_reload_gives_a_new_process_to_all_mounts(own_bao):
    own_bao.enable("toy2")
    before = own_bao.plugin_pid()

    assert own_bao.reload().status in (200, 202, 204)

    for mount in ("toy", "toy2"):
        wait_for(lambda m=mount: own_bao.read(f"auth/{m}/process").status == 200, 5)
        assert own_bao.read(f"auth/{mount}/process").data["pid"] != before
    assert len(own_bao.plugin_pids()) == 1
    assert len(own_bao.socket_dirs()) == 1


def test_a_killed_plugin_is_back_at_the_next_request_and_leaves_no_litter(own_bao):
    for _ in range(3):
        pid = own_bao.plugin_pid()
        os.kill(pid, signal.SIGKILL)
        assert direct.wait_gone(pid, 2)
        # Requests in the host's first milliseconds still meet its dead connection.
        wait_for(lambda: own_bao.login("toy", user="alice").status == 200, 2 * SLOW)

    assert own_bao.plugin_pid() != pid
    assert len(own_bao.socket_dirs()) == 1


def test_no_orphan_stays_when_the_host_is_killed(own_bao):
    pid = own_bao.plugin_pid()

    own_bao.kill()

    assert direct.wait_gone(pid, 2 * SLOW)
    assert own_bao.socket_dirs() == []


def test_a_killed_host_with_a_login_in_hand_leaves_no_orphan(own_bao):
    pid = own_bao.plugin_pid()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        login = pool.submit(own_bao.login, "toy", user="alice", sleep_ms=20000)
        time.sleep(0.5)
        own_bao.kill()
        assert direct.wait_gone(pid, 2 * SLOW)
        with pytest.raises(OSError):
            login.result()


def test_seal_ends_the_process_and_unseal_brings_it_back(own_bao):
    own_bao.write("auth/toy/store/a", value="kept")
    pid = own_bao.plugin_pid()

    own_bao.seal()
    assert direct.wait_gone(pid, 3 * SLOW)
    own_bao.unseal()

    assert own_bao.read("auth/toy/store/a").data["value"] == "kept"
    assert own_bao.login("toy", user="alice").status == 200


@pytest.mark.parametrize("own_bao", ["raft"], indirect=True)
def test_an_orderly_end_of_the_server_ends_the_plugin(own_bao):
    pid = own_bao.plugin_pid()

    own_bao.process.terminate()
    own_bao.process.wait(15)

    assert direct.wait_gone(pid, 1)
    assert own_bao.socket_dirs() == []
    assert "plugin failed to exit gracefully" not in own_bao.log()
    own_bao.start()
    assert own_bao.login("toy", user="alice").status == 200


def test_an_end_with_slow_logins_in_hand_waits_for_none_of_them_for_long(own_bao):
    pid = own_bao.plugin_pid()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        short = pool.submit(own_bao.login, "toy", user="alice", sleep_ms=800)
        slow = [pool.submit(own_bao.login, "toy", user="alice", sleep_ms=20000) for _ in range(5)]
        time.sleep(0.3)
        start = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        assert direct.wait_gone(pid, 1.6 * SLOW)
        assert all(f.result().status >= 400 for f in slow)
        assert time.monotonic() - start < 2 * SLOW
        assert short.result().status == 200

    assert own_bao.login("toy", user="alice").status == 200


# ---- two nodes ----


@pytest.fixture
def cluster(tmp_path):
    """An active node and a standby, each with a plugin process of its own."""
    with Bao(TOY, tmp_path / "active", storage="raft", audit=False) as active:
        active.register().enable("toy")
        standby = Bao(TOY, tmp_path / "standby", storage="raft", audit=False)
        try:
            yield active, standby.start(leader=active)
        finally:
            standby.stop()


@pytest.mark.needs_standby_plugin
def test_a_standby_knows_that_it_is_one_and_lets_writes_be_forwarded(cluster):
    active, standby = cluster
    wait_for(lambda: standby.read("auth/toy/process").status == 200, 10)
    here, there = standby.read("auth/toy/process").data, active.read("auth/toy/process").data
    assert here["pid"] != there["pid"]
    assert here["standby"] and not there["standby"]

    written = standby.write("auth/toy/store/a", value="through the standby")

    assert written.status == 200, written  # its storage said "readonly", and the host took it on
    assert active.read("auth/toy/store/a").data["value"] == "through the standby"
    wait_for(lambda: standby.read("auth/toy/store/a").data.get("value") == "through the standby", 5)
    wait_for(lambda: standby.read("auth/toy/process").data["invalidated"] > 0, 5)
    assert active.read("auth/toy/process").data["invalidated"] == 0
    assert standby.login("toy", user="alice").status == 200


# ---- secrets ----


def test_the_environment_of_the_host_is_not_the_plugins(own_bao):
    for name in ("http_proxy", "GRPC_TRACE", "SSLKEYLOGFILE", "VAULT_TOKEN", "OPENSSL_CONF", "PLUGIN_CLIENT_CERT",
                 "VAULT_BACKEND_PLUGIN", "BAO_VERSION", "HOME"):
        assert own_bao.read(f"auth/toy/env/{name}").data["value"] == "<unset>", name
    assert own_bao.read("auth/toy/env/TMPDIR").data["value"] == str(own_bao.tmp)
    assert own_bao.read("auth/toy/env/PATH").data["value"] == os.environ["PATH"]

    with contextlib.suppress(PermissionError):
        environment = pathlib.Path(f"/proc/{own_bao.plugin_pid()}/environ").read_bytes()
        assert b"s.hosttoken" not in environment


def test_no_token_reaches_the_log(own_bao):
    canary = "canary-7f3a9b"
    token = own_bao.login("toy", user="alice", token=canary).body["auth"]["client_token"]
    own_bao.request("POST", "auth/token/renew-self", {}, token=token)
    own_bao.login("toy", user="alice", token=canary, fail="internal")
    own_bao.login("toy", user="alice", token=canary, fail="bad_request")
    own_bao.request("POST", "auth/toy/login", raw=b'{"token":"' + canary.encode() * 10000 + b'"}', token="")

    assert "request failed" in own_bao.log()
    assert canary not in own_bao.log()
    assert canary not in own_bao.audit_path.read_text()


# ---- this side plays the host ----


@pytest.fixture
def host(tmp_path):
    return direct.Identity(tmp_path, "host")


@pytest.fixture
def plugin(tmp_path, host):
    with direct.Plugin(TOY, tmp_path, host) as process:
        process.handshake()
        yield process


@pytest.mark.core
def test_the_handshake_line_is_what_hosts_read(plugin):
    fields = plugin.line.rstrip("\n").split("|")

    assert fields[:3] == ["1", "5", "unix"] and fields[4] == "grpc" and len(fields) == 6
    assert "=" not in fields[5]
    assert plugin.certificate().subject.rfc4514_string() == "CN=localhost"
    directory = pathlib.Path(fields[3]).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(fields[3]).st_mode) & 0o077 == 0


@pytest.mark.parametrize("env,fields", [({}, 6), ({"PLUGIN_MULTIPLEX_GRPC": "true"}, 7)])
def test_a_seventh_field_comes_when_it_is_asked_for(tmp_path, host, env, fields):
    with direct.Plugin(TOY, tmp_path, host, env) as plugin:
        assert len(plugin.handshake()) == fields


@pytest.mark.core
@pytest.mark.parametrize("env,words", [
    ({"VAULT_BACKEND_PLUGIN": None}, "not run by hand"),
    ({"VAULT_BACKEND_PLUGIN": "another"}, "not run by hand"),
    ({"PLUGIN_PROTOCOL_VERSIONS": "3,4"}, "protocol 5"),
    ({"PLUGIN_PROTOCOL_VERSIONS": "15,55"}, "protocol 5"),
    ({"PLUGIN_PROTOCOL_VERSIONS": None}, "protocol 5"),
    ({"PLUGIN_CLIENT_CERT": ""}, "PLUGIN_CLIENT_CERT"),
    ({"PLUGIN_CLIENT_CERT": "rubbish"}, "PLUGIN_CLIENT_CERT"),
    ({"TMPDIR": "/nonexistent"}, "/nonexistent"),
    ({"TMPDIR": "/tmp/" + "x" * 100}, "too long"),
    ({"PLUGIN_UNIX_SOCKET_DIR": "/tmp/" + "x" * 100}, "Set PLUGIN_UNIX_SOCKET_DIR in"),
    ({"PLUGIN_UNIX_SOCKET_DIR": "/nonexistent/dir"}, "/nonexistent/dir"),
    ({"PLUGIN_UNIX_SOCKET_GROUP": "no-such-group-here"}, "no-such-group-here"),
])
def test_a_start_that_cannot_work_ends_with_words_and_no_handshake(tmp_path, host, env, words):
    with direct.Plugin(TOY, tmp_path, host, env) as plugin:
        assert plugin.handshake() is None
        status, stderr = plugin.end()

    assert status == 1
    assert words in stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_group_gets_the_socket_when_the_host_says_so(tmp_path, host):
    folder = tmp_path / "sockets"
    folder.mkdir()
    env = {"PLUGIN_UNIX_SOCKET_DIR": str(folder), "PLUGIN_UNIX_SOCKET_GROUP": str(os.getgid())}
    with direct.Plugin(TOY, tmp_path, host, env) as plugin:
        path = pathlib.Path(plugin.handshake()[3])

        assert path.parent.parent == folder
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o770
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.parametrize("argument,words", [("-version", "toy-plugin v"), ("--version", "toy-plugin v"),
                                            ("-help", "plugin register"), ("-selfcheck", "ok ")])
def test_by_hand_it_answers(argument, words):
    done = subprocess.run([TOY, argument], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0
    assert words in done.stdout


def test_a_selfcheck_that_fails_says_what_to_do():
    done = subprocess.run([TOY, "-selfcheck"], capture_output=True, text=True, timeout=30,
                          env={"TMPDIR": "/nonexistent"})

    assert done.returncode == 1
    assert "FAIL" in done.stdout and "Mend:" in done.stdout


def test_the_host_itself_is_served(plugin, host):
    reply = plugin.connect(host).call("/logical.PluginVersion/Version")

    assert b"v0." in reply.message or reply.message[2:3] == b"v"


@pytest.mark.core
def test_strangers_are_refused_on_the_socket(plugin, host, tmp_path):
    other = direct.Identity(tmp_path, "other")
    for identity in (None, other):
        with pytest.raises(direct.Refused):
            plugin.connect(identity).call("/logical.PluginVersion/Version")


def test_a_certificate_signed_by_the_hosts_is_not_the_hosts(plugin, host, tmp_path):
    signed = direct.Identity(tmp_path, "signed", issuer=host)

    reply = None
    with contextlib.suppress(direct.Refused):
        reply = plugin.connect(signed).call("/logical.PluginVersion/Version")

    assert reply is None or (reply.message is None and b"certificate" in reply.headers)


def test_an_unknown_method_is_unimplemented(plugin, host):
    connection = plugin.connect(host)
    for path in ("/grpc.reflection.v1.ServerReflection/Info", "/pb.Backend/Nothing", "/"):
        reply = connection.call(path)
        assert reply.message is None and b"unknown method" in reply.headers


def test_health_knows_its_service_only(plugin, host):
    connection = plugin.connect(host)

    assert connection.call("/grpc.health.v1.Health/Check", direct.field(1, "plugin")).message == b"\x08\x01"
    assert connection.call("/grpc.health.v1.Health/Check", direct.field(1, "other")).message is None


def handle_request(connection, operation, path, data="null", mount="nobody", tail=b""):
    request = direct.field(1, "id") + direct.field(3, operation) + direct.field(4, path) + direct.field(5, data) + tail
    return connection.call("/pb.Backend/HandleRequest", direct.field(2, request), {"multiplex_id": mount}).message


def test_a_request_for_a_mount_that_is_not_there_fails_in_words(plugin, host):
    assert b"not set up" in handle_request(plugin.connect(host), "read", "echo")


def test_resolve_path_is_no_operation_of_ours_whatever_the_path(plugin, host):
    connection = plugin.connect(host)
    for path in ("login", "echo", "store/x", "nowhere", ""):
        # HandleReqestReply{err: ProtoError{type 5}}, no response
        assert handle_request(connection, "resolve-path", path, '{"token":"x"}')[:4][2:] == b"\x08\x05"


@pytest.mark.parametrize("path", ["echo\0x", b"echo\xff", b"\xc0\xaf", b"\xed\xa0\x80"])
def test_texts_with_nul_or_broken_utf8_are_refused(plugin, host, path):
    answer = handle_request(plugin.connect(host), "read", path)

    assert b"not well-formed" in answer


@pytest.mark.parametrize("message", [b"\x12\xff\xff\xff\xff\x7f", b"\x12", b"\x00\x00", b"\xff" * 30])
def test_broken_messages_are_refused_and_the_process_lives(plugin, host, message):
    connection = plugin.connect(host)

    answer = connection.call("/pb.Backend/HandleRequest", message, {"multiplex_id": "m"}).message

    assert b"not well-formed" in answer
    assert connection.call("/pb.Backend/Type").message == b"\x08\x02"


def test_setup_without_an_address_fails_after_its_wait(plugin, host):
    start = time.monotonic()

    connection = plugin.connect(host)
    connection.connection.settimeout(10)
    reply = connection.call("/pb.Backend/Setup", direct.field(1, 77), {"multiplex_id": "m"})

    assert b"no address" in reply.message
    assert 4 < time.monotonic() - start < 8


def test_metadata_mode_answers_no_requests(tmp_path, host):
    with direct.Plugin(TOY, tmp_path, host, {"BAO_PLUGIN_METADATA_MODE": "true"}) as plugin:
        plugin.handshake()
        connection = plugin.connect(host)
        assert b"metadata" in handle_request(connection, "read", "echo")
        assert b"metadata" in connection.call("/pb.Backend/Initialize").message
        assert connection.call("/pb.Backend/Type").message == b"\x08\x02"


def test_baos_names_go_before_vaults(tmp_path, host):
    env = {"BAO_PLUGIN_METADATA_MODE": "false", "VAULT_PLUGIN_METADATA_MODE": "true"}
    with direct.Plugin(TOY, tmp_path, host, env) as plugin:
        plugin.handshake()
        assert b"not set up" in handle_request(plugin.connect(host), "read", "echo")


def test_cleanup_is_harmless_twice_and_shutdown_ends_with_status_0(plugin, host):
    connection = plugin.connect(host)
    for _ in range(2):
        assert connection.call("/pb.Backend/Cleanup", b"", {"multiplex_id": "m"}).message == b""
    start = time.monotonic()

    assert connection.call("/plugin.GRPCController/Shutdown").message == b""

    assert plugin.process.wait(5) == 0
    assert time.monotonic() - start < 1.5 * SLOW
    assert list(plugin.tmp.iterdir()) == []


def test_sigterm_ends_with_status_0_and_other_signals_do_not_end(plugin, host):
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        plugin.process.send_signal(number)
    assert plugin.connect(host).call("/pb.Backend/Type").message == b"\x08\x02"

    status, _ = plugin.end()

    assert status == 0
    assert list(plugin.tmp.iterdir()) == []


def test_a_closed_stdout_is_the_hosts_end(plugin):
    plugin.process.stdout.close()
    assert plugin.process.wait(2 * SLOW) == 0
    plugin.process.stdout = open(os.devnull, "rb")  # for communicate()


def test_a_peer_that_says_nothing_or_rubbish_does_no_harm(plugin, host):
    for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 100):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(plugin.socket_path)
            raw.sendall(words)
    assert plugin.connect(host).call("/pb.Backend/Type").message == b"\x08\x02"


def test_leavings_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path, host):
    with direct.Plugin(TOY, tmp_path, host) as first, direct.Plugin(TOY, tmp_path, host) as second:
        first.handshake()
        second.handshake()
        first.process.kill()
        first.process.wait()
        foreign = second.tmp / "vpa-1-2-3-strange"
        foreign.mkdir()
        with direct.Plugin(TOY, tmp_path, host) as third:
            third.handshake()
            alive = {pathlib.Path(p.socket_path).parent for p in (second, third)}
            assert set(second.tmp.iterdir()) == alive | {foreign}


def test_a_plugin_that_ran_out_of_descriptors_is_not_deaf_for_ever(tmp_path, host):
    """gRPC 1.51 never accepts again after EMFILE: the plugin notices and ends, and the host starts another."""
    launcher = tmp_path / "launcher"
    launcher.write_text(f"#!/bin/sh\nulimit -n 64\nexec {TOY.absolute()}\n")
    launcher.chmod(0o755)
    with direct.Plugin(str(launcher), tmp_path, host) as plugin, contextlib.ExitStack() as flood:
        plugin.handshake()
        for _ in range(120):
            peer = flood.enter_context(socket.socket(socket.AF_UNIX))
            peer.setblocking(False)
            with contextlib.suppress(OSError):
                peer.connect(plugin.socket_path)
        time.sleep(1)
        flood.close()

        assert plugin.process.wait(15 * SLOW) == 70


def test_limits_of_the_process(plugin):
    limits = pathlib.Path(f"/proc/{plugin.process.pid}/limits").read_text()
    assert [line for line in limits.splitlines() if "core file" in line][0].split()[4] == "0"
    status = pathlib.Path(f"/proc/{plugin.process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_mlock_is_tried_and_never_in_the_way(tmp_path, host):
    with direct.Plugin(TOY, tmp_path, host, {"VAULT_PLUGIN_MLOCK_ENABLED": "true"}) as plugin:
        plugin.handshake()
        assert plugin.connect(host).call("/pb.Backend/Type").message == b"\x08\x02"
        assert plugin.end()[0] == 0
