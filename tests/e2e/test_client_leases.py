"""Secrets with a lease: kept, read again, given back; and several files that belong together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from false_vault import AUTH, asked, in_turn, logged_in, plain, revoked, secret
from processes import wait_until

DATABASE = plain(200, {"data": {"path": "db/", "type": "database"}})


def account(name: str, ttl_s: int = 900, renewable: bool = True) -> bytes:
    return plain(200, {"lease_id": f"db/creds/x/{name}", "lease_duration": ttl_s, "renewable": renewable, "data": {"password": name}})


def renewed(ttl_s: int) -> bytes:
    return plain(200, {"auth": {**AUTH["auth"], "lease_duration": ttl_s}})


@pytest.fixture
def vault(false_vault):
    false_vault.answers[:0] = [("/mounts/db", DATABASE), ("v1/db/creds/x", account("first")), ("/data/x ", plain(200, secret())),
                               ("leases/revoke", plain(204, b""))]
    return false_vault


def supervised(vault, *words: str) -> subprocess.Popen:
    return vault.client.start("exec", "--supervise", *words, "--", "sleep", "600", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended(job: subprocess.Popen) -> str:
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 128 + signal.SIGTERM
    return job.stderr.read().decode()


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def leases_revoked(vault) -> list[str]:
    return [part for request in vault.seen if b"/leases/revoke " in request for part in request.decode().split('"') if "db/creds" in part]


# ---- leases that can't be renewed ----


@pytest.mark.parametrize("refused", ["not renewable", "forbidden"])
def test_such_a_secret_is_read_again_with_the_same_token(vault, memory, refused):
    vault.answers[:0] = [("leases/renew", plain(403, {"errors": ["permission denied"]})), ("renew-self", renewed(900)),
                         ("v1/db/creds/x", in_turn(account("first", 4, refused == "forbidden"), account("second")))]
    job = supervised(vault, f"--file={memory}/pw=db/creds/x#password")
    wait_until(lambda: content(memory / "pw") == "second", "the file again", seconds=20)
    wait_until(lambda: leases_revoked(vault) == ["db/creds/x/first"], "the lease of before to be revoked")
    ended(job)
    assert asked(vault, "/login") == 1 and revoked(vault) == [b"s.false"]


def test_an_account_in_a_variable_is_not_made_again(vault):
    """Nobody would use the new one. That it ends is said at the start, and when it does."""
    vault.answers[:0] = [("leases/renew", plain(403, {"errors": []})), ("renew-self", renewed(900)),
                         ("v1/db/creds/x", in_turn(account("first", 3), account("second")))]
    job = supervised(vault, "--env=A=db/creds/x#password")
    time.sleep(5)
    words = ended(job)
    assert asked(vault, "v1/db/creds/x") == 1 and asked(vault, "/login") == 1
    assert "in a variable or an argument" in words and "has expired" in words


# ---- when ----


def test_the_interval_follows_the_latest_answer(vault):
    """The server gives less and less, each time more than half of the first TTL; none of it may run out."""
    vault.answers[:0] = [("/login", logged_in("s.one", 4)), ("renew-self", renewed(3))]
    job = supervised(vault, "--env=A=secret/x#pw")
    wait_until(lambda: asked(vault, "renew-self") >= 3, "three renewals", seconds=20)
    ended(job)
    assert asked(vault, "/login") == 1


def test_after_a_failure_it_waits_no_longer_than_half_of_what_is_left(vault):
    vault.answers[:0] = [("/login", logged_in("s.one", 8)), ("renew-self", in_turn(plain(503, {"errors": []}), renewed(900)))]
    begin = time.monotonic()
    job = supervised(vault, "--env=A=secret/x#pw")
    wait_until(lambda: asked(vault, "renew-self") == 2, "the second try", seconds=20)
    assert time.monotonic() - begin < 9
    assert ended(job).count("trying again") == 1


def test_a_failure_that_stays_is_reported_once(vault):
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 2), plain(403, {"errors": ["no"]}))), ("renew-self", plain(403, {"errors": []}))]
    job = supervised(vault, "--env=A=secret/x#pw")
    wait_until(lambda: asked(vault, "renew-self") >= 2, "two tries", seconds=30)
    assert ended(job).count("could not be renewed") == 1


# ---- a token that was given ----


def test_from_a_given_token_to_a_login_is_said(vault, memory):
    vault.answers[:0] = [("lookup-self", plain(200, {"data": {"ttl": 2}})), ("renew-self", plain(403, {"errors": []})), ("/login", logged_in("s.own"))]
    job = vault.client.start("exec", "--supervise", "--role=ci", f"--file={memory}/pw=secret/x#pw", "--", "sleep", "600",
                             env={"BAO_TOKEN": "s.given"}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: asked(vault, "/login") == 1, "the login", seconds=20)
    time.sleep(0.5)
    words = ended(job)
    assert "role ci" in words and "BAO_TOKEN" in words
    assert revoked(vault) == [b"s.own"]


@pytest.mark.parametrize("words, status", [
    (("exec", "--file=/proc/none=db/creds/x#password", "--", "true"), 74),
    (("exec", "--env=A=db/creds/x#password", "--env=B=secret/none#x", "--", "true"), 66),
    (("exec", "--env=A=db/creds/x#password", "--", "no-such-command"), 127),
    (("get", "db/creds/x#none"), 66),
    (("exec", "--supervise", "--env=A=db/creds/x#password", "--", "true"), 0),
])
def test_what_it_made_and_nobody_uses_is_revoked(vault, words, status):
    vault.answers[:0] = [("lookup-self", plain(200, {"data": {"ttl": 900}}))]
    done = vault.client.run(*words, env={"BAO_TOKEN": "s.given"})
    assert done.returncode == status, done.stderr
    assert leases_revoked(vault) == ["db/creds/x/first"] and revoked(vault) == []


def test_what_is_in_use_is_not(vault):
    assert vault.client.run("get", "db/creds/x#password", env={"BAO_TOKEN": "s.given"}).stdout == "first"
    assert leases_revoked(vault) == []


def test_that_it_could_not_be_revoked_is_said(vault):
    vault.answers.insert(0, ("leases/revoke", plain(403, {"errors": ["permission denied"]})))
    words = vault.client.refused(66, "get", "db/creds/x#none", env={"BAO_TOKEN": "s.given"})
    assert "could not be revoked" in words


# ---- files that belong together ----


def small_disk(memory: Path) -> Path:
    small = memory / "small"
    small.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], check=False).returncode != 0:
        pytest.skip("no mounts here")
    return small


def test_a_disk_that_fills_up_leaves_all_files_as_they_were(vault, memory):
    small = small_disk(memory)
    try:
        (small / "user").write_text("old user")
        (small / "password").write_text("old password")
        vault.answers[:0] = [("/data/big ", plain(200, secret("x" * 100_000)))]
        done = vault.client.run("exec", f"--file={small}/user=secret/x#pw", f"--file={small}/new=secret/x#pw",
                                f"--file={small}/password=secret/big#pw", "--", "true")
        assert done.returncode == 74 and "No space left" in done.stderr
        assert {path.name: path.read_text() for path in small.iterdir()} == {"user": "old user", "password": "old password"}
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("call", ["linkat", "renameat2", "renameat"])
def test_a_name_that_can_not_be_given_leaves_all_files_as_they_were(vault, memory, call):
    if os.environ.get("VPA_SANITIZED"):
        pytest.skip("the leak checker does not run under strace")
    names = ("one", "two", "three", "four")
    words = ["exec", *(f"--file={memory}/{name}=secret/x#pw" for name in names), "--", "true"]
    for nth in range(1, 9):
        for left in memory.iterdir():
            left.unlink()
        for name in names[1:3]:
            (memory / name).write_text("old " + name)
        error = "ENOSYS" if call == "renameat2" else "ENOSPC"
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}",
                               arv_vault_path(), *words], env=vault.client.environment(), capture_output=True, check=False, timeout=60)
        left = {path.name: path.read_text() for path in memory.iterdir()}
        if done.returncode == 0:
            assert left == dict.fromkeys(names, SECRET)
        else:
            assert done.returncode == 74 and left == {name: "old " + name for name in names[1:3]}, (call, nth, left)


def test_two_secrets_in_one_file_are_refused(vault, memory):
    (memory / "folder").mkdir()
    twice = [f"--file={memory}/folder/pw=secret/x#pw", f"--file={memory}/folder/../folder/./pw=secret/x#pw"]
    assert "same file" in vault.client.refused(64, "exec", *twice, "--", "true")
    assert vault.seen == []


def test_a_file_that_is_replaced_is_warned_of(vault, memory):
    (memory / "pw").write_text("another job's")
    done = vault.client.run("exec", f"--file={memory}/pw=secret/x#pw", "--", "true")
    assert done.returncode == 0 and "replaced" in done.stderr
