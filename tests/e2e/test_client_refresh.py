"""exec --supervise --refresh: a secret that was changed in the vault reaches a command that runs."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from client import SECRET
from false_vault import asked, in_turn, plain, revoked, secret
from processes import wait_until


@pytest.fixture
def vault(false_vault):
    """Its secret/x is `vault.value`."""
    false_vault.value = SECRET
    false_vault.answers[:0] = [("/data/x ", lambda: plain(200, secret(false_vault.value))), ("/data/all ", lambda: plain(
        200, {"data": {"data": {"user": false_vault.value}, "metadata": {"version": 1}}}))]
    return false_vault


def start(vault, *words: str, command: str, **options) -> subprocess.Popen:
    return vault.client.start("exec", "--supervise", "--refresh=1s", *words, "--", "sh", "-c", command, stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, **options)


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def ended(job: subprocess.Popen) -> str:
    job.send_signal(signal.SIGTERM)
    job.wait(30)
    return job.stderr.read().decode()


WAIT = "while :; do sleep 0.1; done"


@pytest.mark.parametrize("options", [(), ("--on-change=none",)], ids=["default", "none"])
def test_a_changed_secret_reaches_its_file(vault, memory, options):
    job = start(vault, *options, f"--file={memory}/pw=secret/x#pw", command=f"trap 'echo hup >> {memory}/hup' HUP; touch {memory}/ready; {WAIT}")
    wait_until(lambda: (memory / "ready").exists(), "the command")
    before = (memory / "pw").stat()
    wait_until(lambda: asked(vault, "/data/x ") >= 3, "it to be read again")
    assert (memory / "pw").stat().st_ino == before.st_ino  # unchanged: not written again
    vault.value = "another-value"
    wait_until(lambda: content(memory / "pw") == "another-value", "the new value")
    ended(job)
    assert not (memory / "hup").exists() and not (memory / "pw").exists()
    assert asked(vault, "/login") == 1 and asked(vault, "renew-self") == 0 and revoked(vault) == [b"s.false"]


def test_the_command_gets_hup_once_a_change(vault, memory):
    job = start(vault, "--on-change=HUP", f"--file={memory}/pw=secret/x#pw",
                command=f"trap 'cat {memory}/pw >> {memory}/got; echo >> {memory}/got' HUP; touch {memory}/ready; {WAIT}")
    wait_until(lambda: (memory / "ready").exists(), "the command")
    for value in ("second-value", "third-value"):
        vault.value = value
        wait_until(lambda: value in content(memory / "got"), "the signal", seconds=30)
    reads = asked(vault, "/data/x ")
    wait_until(lambda: asked(vault, "/data/x ") >= reads + 2, "two reads more")
    ended(job)
    assert content(memory / "got").split() == ["second-value", "third-value"]


@pytest.mark.parametrize("mask", [(), ("--mask",)], ids=["plain", "masked"])
def test_the_command_is_started_again_with_new_variables(vault, memory, mask):
    job = start(vault, *mask, "--on-change=restart", "-e", "PW=secret/x#pw", "--env-from=secret/all=ALL_", f"--file={memory}/pw=secret/x#pw",
                "--allow-argv", command=f'echo "$PW $ALL_USER $(cat {memory}/pw)" ${{vault:secret/x#pw}} >> {memory}/got; echo "$PW"; exec sleep 600',
                stdout=subprocess.PIPE)
    wait_until(lambda: content(memory / "got").count("\n") == 1, "the command")
    vault.value = "another-value"
    wait_until(lambda: content(memory / "got").count("\n") == 2, "the second one", seconds=30)
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 128 + signal.SIGTERM
    assert content(memory / "got") == "".join(" ".join([value] * 4) + "\n" for value in (SECRET, "another-value"))
    assert job.stdout.read().decode() == ("***\n***\n" if mask else f"{SECRET}\nanother-value\n")
    assert [path.name for path in memory.iterdir()] == ["got"] and revoked(vault) == [b"s.false"]


def test_a_command_that_does_not_end_for_its_restart_is_killed(vault, memory):
    job = start(vault, "--on-change=restart", "-e", "PW=secret/x#pw", command=f"trap '' TERM; echo $PW >> {memory}/got; {WAIT}")
    wait_until(lambda: content(memory / "got"), "the command")
    vault.value = "another-value"
    wait_until(lambda: "another-value" in content(memory / "got"), "the second one", seconds=60)
    job.send_signal(signal.SIGINT)
    assert job.wait(30) == 128 + signal.SIGINT


def test_a_signal_from_outside_ends_the_command_for_good(vault, memory):
    """Also while it is being started again."""
    job = start(vault, "--on-change=restart", "-e", "PW=secret/x#pw",
                command=f"trap 'touch {memory}/asked; sleep 2; exit 7' TERM; echo $PW >> {memory}/got; {WAIT}")
    wait_until(lambda: content(memory / "got"), "the command")
    vault.value = "another-value"
    wait_until(lambda: (memory / "asked").exists(), "it to be asked to end", seconds=30)
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 7 and content(memory / "got") == SECRET + "\n"


def test_a_secret_that_is_gone_leaves_what_was_delivered(vault, memory):
    vault.answers[:0] = [("/data/x ", in_turn(plain(200, secret()), plain(404, {"errors": []}), plain(404, {"errors": []}), plain(200, secret("again-there"))))]
    job = start(vault, f"--file={memory}/pw=secret/x#pw", command=WAIT)
    wait_until(lambda: asked(vault, "/data/x ") == 3, "two reads that fail", seconds=30)
    assert content(memory / "pw") == SECRET
    wait_until(lambda: content(memory / "pw") == "again-there", "the new value", seconds=30)
    assert ended(job).count("could not be read again") == 1


def test_an_account_is_not_made_again_by_a_refresh(vault, memory):
    from test_client_leases import DATABASE, account

    vault.answers[:0] = [("/mounts/db", DATABASE), ("v1/db/creds/x", account("first"))]
    job = start(vault, f"--file={memory}/account=db/creds/x#password", f"--file={memory}/pw=secret/x#pw", command=WAIT)
    vault.value = "another-value"
    wait_until(lambda: asked(vault, "/data/x ") >= 4 and content(memory / "pw") == "another-value", "some reads", seconds=30)
    ended(job)
    assert asked(vault, "v1/db/creds/x") == 1


def test_an_account_in_a_variable_is_replaced_by_a_restart(vault, memory):
    """And the one before it is revoked when nothing uses it any more."""
    from test_client_leases import DATABASE, account, leases_revoked, renewed

    vault.answers[:0] = [("/mounts/db", DATABASE), ("leases/renew", plain(403, {"errors": []})), ("renew-self", renewed(900)),
                         ("leases/revoke", plain(204, b"")), ("v1/db/creds/x", in_turn(account("first", 4), account("second")))]
    job = vault.client.start("exec", "--supervise", "--on-change=restart", "-e", "PW=db/creds/x#password", "--", "sh", "-c",
                             f"echo $PW >> {memory}/got; exec sleep 600", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: content(memory / "got") == "first\nsecond\n", "the second one", seconds=40)
    wait_until(lambda: leases_revoked(vault) == ["db/creds/x/first"], "the first account to be revoked")
    assert "can't be replaced" not in ended(job)


def test_variables_that_can_not_change_are_warned_of(vault):
    done = vault.client.run("exec", "--supervise", "--refresh=1h", "-e", "PW=secret/x#pw", "--", "true")
    assert done.returncode == 0 and "--on-change=restart" in done.stderr
    assert vault.client.run("exec", "--supervise", "--refresh=1h", "--on-change=restart", "-e", "PW=secret/x#pw", "--", "true").stderr == ""


@pytest.mark.parametrize("words", [("--refresh=1s",), ("--on-change=HUP",), ("--supervise", "--refresh=0"), ("--supervise", "--refresh=soon"),
                                   ("--supervise", "--refresh=10ms"), ("--supervise", "--on-change=USR1")])
def test_what_can_not_be_meant_is_refused(vault, words):
    vault.client.refused(64, "exec", *words, "-e", "PW=secret/x#pw", "--", "true")
    assert vault.seen == []
