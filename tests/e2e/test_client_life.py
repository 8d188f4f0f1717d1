"""arv-vault from its login to its end: whatever ends it, no file and no token is left; and what a command lives on is kept."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from false_vault import AUTH, FalseVault, asked, closed_pipe, in_turn, logged_in, plain, revoked, secret
from processes import wait_until

DATABASE = plain(200, {"data": {"path": "db/", "type": "database"}})


def account(name: str, ttl_s: int = 900) -> bytes:
    """A database account: it ends with the token that it was made by."""
    return plain(200, {"lease_id": f"db/creds/x/{name}", "lease_duration": ttl_s, "renewable": True, "data": {"password": name}})


@pytest.fixture
def vault(false_vault) -> FalseVault:
    """With a KV secret at secret/x and accounts at db/creds/x."""
    false_vault.answers[:0] = [("/mounts/db", DATABASE), ("v1/db/creds/x", account("first")), ("/data/x ", plain(200, secret()))]
    return false_vault


def renewed(ttl_s: int) -> bytes:
    return plain(200, {"auth": {**AUTH["auth"], "lease_duration": ttl_s}})


# ---- nobody reads what we say ----


def test_a_token_that_nobody_read_is_revoked(vault):
    nobody = closed_pipe()
    job = vault.client.start("login", stdin=subprocess.DEVNULL, stdout=nobody, stderr=subprocess.PIPE)
    assert job.wait(20) == 74 and b"Broken pipe" in job.stderr.read()
    assert revoked(vault) == [b"s.false"]
    os.close(nobody)


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
def test_signals_of_failed_writes_are_the_commands_as_before(vault, ignored, options, number):
    """We survive them; the command gets what whoever called us had chosen."""
    before = signal.SIG_IGN if ignored else signal.SIG_DFL
    done = vault.client.run("exec", *options, "--env=PW=secret/x#pw", "--", "sh", "-c", f"kill -{int(number)} $$; echo lived",
                            restore_signals=False, preexec_fn=lambda: signal.signal(number, before))
    assert (done.returncode == 0 and done.stdout == "lived\n") if ignored else done.returncode in (128 + number, -number)


def test_a_supervisor_lives_on_when_nobody_reads_its_words(vault, memory):
    """The vault is away, which is told to a pipe that nobody reads: the command goes on, the file goes in the end."""
    vault.answers[:0] = [("/login", plain(200, {"auth": {**AUTH["auth"], "lease_duration": 1}})),
                               ("renew-self", plain(503, {"errors": []}))]
    nobody = closed_pipe()
    job = vault.client.start("exec", "--supervise", f"--file={memory}/pw=secret/x#pw", "--", "sleep", "3",
                                   stdin=subprocess.DEVNULL, stderr=nobody)
    assert job.wait(30) == 0
    assert any(b"renew-self" in request for request in vault.seen)
    assert list(memory.iterdir()) == [] and revoked(vault) == [b"s.false"]
    os.close(nobody)


# ---- signals ----


def start(vault, memory, *words: str, command: tuple[str, ...] = ("sleep", "60"), **options) -> subprocess.Popen:
    return vault.client.start("exec", *words, f"--file={memory}/pw=secret/x#pw", "--", *command, stdin=subprocess.DEVNULL,
                              **options)


@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
def test_while_it_revokes_no_file_is_there(vault, memory, options):
    """That may take long, and who ends it meanwhile ends it at once: docker stop kills after ten seconds."""
    vault.answers[:0] = [("revoke-self", b"HANG")]
    job = start(vault, memory, *options, command=("touch", f"{memory}/ran"))
    wait_until(lambda: asked(vault, "revoke-self"), "it to revoke")
    assert {path.name for path in memory.iterdir()} == ({"ran"} if options else set())
    job.send_signal(signal.SIGTERM)
    assert job.wait(5) == -signal.SIGTERM
    assert {path.name for path in memory.iterdir()} == ({"ran"} if options else set())


def slowed(vault, memory, *options: str, **more) -> tuple[subprocess.Popen, int]:
    """An exec whose file has its name since a moment, and whose command has not begun: strace holds it there for a second. Its
    process as well."""
    job = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat", "-e", "inject=linkat:delay_exit=1000000",
                            arv_vault_path(), "exec", *options, f"--file={memory}/pw=secret/x#pw", "--", "/bin/touch", f"{memory}/ran"],
                           env=vault.client.environment(), stdin=subprocess.DEVNULL, **more)
    wait_until(lambda: (memory / "pw").exists(), "the file")
    return job, int(Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()[0])


@pytest.mark.plain_build
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU, signal.SIGRTMAX])
@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
def test_ended_between_its_files_and_the_command_it_leaves_no_file(vault, memory, options, number):
    job, process = slowed(vault, memory, *options)
    os.kill(process, number)
    assert job.wait(20) in (-number, 128 + number)  # strace ends as what it looks at, or tells it as shells do
    assert list(memory.iterdir()) == []


@pytest.mark.plain_build
@pytest.mark.parametrize("words", [("login", "--store={}"), ("render", "t", "{}"), ("exec", "--file={}=secret/x#pw", "--", "true")],
                         ids=lambda words: words[0])
def test_ended_while_it_writes_it_leaves_no_half(vault, memory, tmp_path, words):
    """Where no file can be nameless (strace says so to that call) it has a name of chance until it is whole."""
    (vault.client.home / "t").write_text("${vault:secret/x#pw}")
    calls = tmp_path / "calls"

    def run(*inject: str) -> int:
        return subprocess.run(["strace", "-f", "-qq", "-o", str(calls), "-e", "trace=openat,fsync", *inject,
                               arv_vault_path(), *(word.format(memory / "file") for word in words)], env=vault.client.environment(),
                              cwd=vault.client.home, capture_output=True, timeout=60, check=False).returncode

    assert run() == 0 and "fsync(" in calls.read_text()
    (memory / "file").unlink()
    opens = [line.split(maxsplit=1) for line in calls.read_text().splitlines() if " openat(" in line]
    thread = next(thread for thread, call in opens if "O_TMPFILE" in call)  # strace counts those of each thread
    nth = 1 + ["O_TMPFILE" in call for of, call in opens if of == thread].index(True)
    assert run("-e", f"inject=openat:error=EOPNOTSUPP:when={nth}", "-e", "inject=fsync:signal=TERM:when=1") == -signal.SIGTERM
    assert '".arv-vault.' in calls.read_text()
    assert [path.name for path in memory.iterdir()] == ([] if words[0] == "exec" else ["file"])


def test_a_signal_that_is_ignored_ends_nothing(vault, memory):
    """As nohup does."""
    job, process = slowed(vault, memory, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.kill(process, signal.SIGHUP)
    assert job.wait(20) == 0 and {path.name for path in memory.iterdir()} == {"pw", "ran"}


def test_children_are_waited_for_although_the_caller_ignores_them(vault):
    """Who ignores SIGCHLD can't wait for anybody; the command has it as the caller chose."""
    def run(*command: str) -> subprocess.CompletedProcess:
        return vault.client.run("exec", "--supervise", "--env=A=secret/x#pw", "--", *command,
                                preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))

    assert run("sh", "-c", "exit 7").returncode == 7
    assert int(run("grep", "SigIgn", "/proc/self/status").stdout.split()[1], 16) >> (signal.SIGCHLD - 1) & 1


def test_the_supervised_command_gets_signals_and_descriptors_as_they_were(vault):
    shown = vault.client.ok("exec", "--supervise", "--env=A=secret/x#pw", "--", "sh", "-c",
                            "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd",
                            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL))
    blocked, ignored, *descriptors = [line.split()[-1] for line in shown.splitlines()]
    assert int(blocked, 16) == 0 and int(ignored, 16) == 0
    assert descriptors == ["0", "1", "2", "3"]  # the last is ls's own


# ---- commands that can't be had ----


@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
@pytest.mark.parametrize("command, status, words", [("no-such-command", 127, "No such file"), ("/etc", 126, "denied")])
def test_why_a_command_can_not_be_had_is_told(vault, memory, options, command, status, words):
    done = vault.client.run("exec", *options, f"--file={memory}/pw=secret/x#pw", "--", command)
    assert done.returncode == status and command in done.stderr and words in done.stderr
    assert list(memory.iterdir()) == [] and revoked(vault) == [b"s.false"]


def test_a_secret_as_the_commands_name_is_not_told(vault):
    done = vault.client.run("exec", "--allow-argv", "--", "${vault:secret/x#pw}")
    assert done.returncode == 127 and SECRET not in done.stderr and "${vault:secret/x#pw}: No such file" in done.stderr


# ---- accounts that live as long as the token ----


@pytest.mark.parametrize("words, status", [
    (("exec", "--env=A=db/creds/x#password", "--env=B=secret/none#x", "--", "true"), 66),
    (("exec", "--env=A=db/creds/x#password", "--", "no-such-command"), 127),
    (("exec", "--env=A=db/creds/x#password", "--", "/etc"), 126),
    (("exec", "--file=/proc/none=db/creds/x#password", "--", "true"), 74),
    (("exec", "--supervise", "--env=A=db/creds/x#password", "--", "true"), 0),
    (("env", "--env=A=db/creds/x#password", "--env=B=secret/none#x"), 66),
    (("get", "db/creds/x#none"), 66),
    (("doctor", "db/creds/x"), 0),
    (("login", "--store=/nonexistent/x"), 74),
])
def test_what_nobody_uses_is_revoked(vault, words, status):
    vault.answers[:0] = [("sys/health", plain(200, {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2"})),
                         ("lookup-self", plain(200, {"data": {"policies": ["a"]}}))]
    done = vault.client.run(*words)
    assert done.returncode == status, done.stderr
    assert revoked(vault) == [b"s.false"]


@pytest.mark.parametrize("words", [("get", "db/creds/x#password"), ("env", "--env=A=db/creds/x#password"), ("render", "t", "-"),
                                   ("secret-mounts",)])
def test_what_could_not_be_told_is_revoked(vault, words):
    (vault.client.home / "t").write_text("${vault:db/creds/x#password}")
    given = (vault.client.home / "given.json")
    given.write_text('{"environment": {"A": "vault:db/creds/x#password"}}')
    with open("/dev/full", "wb") as full, given.open("rb") as stdin:
        job = vault.client.start(*words, stdin=stdin, stdout=full, stderr=subprocess.PIPE)
        assert job.wait(20) == 74 and b"No space left" in job.stderr.read()
    assert revoked(vault) == [b"s.false"]


@pytest.mark.parametrize("words", [("get", "db/creds/x#password"), ("exec", "--env=A=db/creds/x#password", "--", "sh", "-c", "echo $A")])
def test_what_was_handed_over_lives_on(vault, words):
    assert vault.client.run(*words).stdout.strip() == "first"
    assert revoked(vault) == []


WRAPPED = plain(200, {"wrap_info": {"token": "s.wrap", "creation_path": "db/creds/x", "ttl": 300}})


def test_a_wrapped_account_lives_on_until_it_is_opened(vault):
    vault.answers[:0] = [("v1/db/creds/x", WRAPPED), ("/data/x ", WRAPPED)]
    done = vault.client.run("wrap", "db/creds/x")
    assert done.stdout == "s.wrap\n" and "not revoked" in done.stderr and "900 s" in done.stderr
    assert revoked(vault) == []
    with open("/dev/full", "wb") as full:
        assert vault.client.start("wrap", "db/creds/x", stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.DEVNULL).wait(20) == 74
    assert revoked(vault) == [b"s.false"]  # nobody got it
    assert "not revoked" not in vault.client.run("wrap", "secret/x").stderr
    assert revoked(vault) == [b"s.false"] * 2  # KV has no leases


def test_no_descriptor_is_left_to_a_command_with_an_account(vault):
    assert vault.client.run("exec", "--env=A=db/creds/x#password", "--", "ls", "/proc/self/fd").stdout.split() == ["0", "1", "2", "3"]


def test_revoking_has_time_of_its_own(vault):
    """All there was went by in waiting for the secret."""
    vault.answers[:0] = [("/data/x ", b"HANG")]
    assert vault.client.refused(75, "get", "secret/x#pw", env={"BAO_CLIENT_TIMEOUT": "1s"})
    assert revoked(vault) == [b"s.false"]


# ---- keeping a command's secrets alive ----


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def supervised(vault, *words: str) -> subprocess.Popen:
    """A command that goes on until it is told."""
    return vault.client.start("exec", "--supervise", *words, "--", "sleep", "600", stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)


def ended(job: subprocess.Popen) -> str:
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 128 + signal.SIGTERM
    return job.stderr.read().decode()


@pytest.mark.core
def test_a_new_token_replaces_the_old_one_which_is_revoked(vault, memory):
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 2), logged_in("s.two"))), ("renew-self", plain(403, {"errors": []}))]
    job = supervised(vault, f"--file={memory}/pw=secret/x#pw")
    wait_until(lambda: asked(vault, "/login") == 2, "the second login", seconds=20)
    wait_until(lambda: revoked(vault) == [b"s.one"], "the first token to be revoked")
    ended(job)
    assert revoked(vault) == [b"s.one", b"s.two"]


def test_a_login_that_fails_leaves_the_old_token_in_use(vault, memory):
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 2), plain(503, {"errors": []}))), ("renew-self", plain(403, {"errors": []}))]
    job = supervised(vault, f"--file={memory}/pw=secret/x#pw")
    wait_until(lambda: asked(vault, "/login") == 2, "the second login", seconds=20)
    assert "trying again" in ended(job)
    assert revoked(vault) == [b"s.one"]


def test_accounts_in_use_outlive_a_new_login(vault, memory):
    """A variable of a process that runs can't be changed: the account in it ends with the token it was made by."""
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 2), logged_in("s.two"))), ("renew-self", plain(403, {"errors": []})),
                         ("v1/db/creds/x", in_turn(account("first"), account("second")))]
    job = supervised(vault, "--env=A=db/creds/x#password", f"--file={memory}/pw=db/creds/x#password")
    wait_until(lambda: content(memory / "pw") == "second", "the file anew", seconds=20)
    assert asked(vault, "v1/db/creds/x") == 2 and revoked(vault) == []
    assert "can't be replaced" in ended(job)
    assert sorted(revoked(vault)) == [b"s.one", b"s.two"]


def test_what_could_not_be_read_with_the_new_token_is_read_again(vault, memory):
    """The token itself is good then, so no renewal would fail any more."""
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 6), logged_in("s.two", 2))), ("leases/renew", plain(200, {"lease_duration": 900})),
                         ("renew-self", in_turn(plain(403, {"errors": []}), renewed(2))),
                         ("v1/db/creds/x", in_turn(account("first"), plain(503, {"errors": []}), account("second")))]
    job = supervised(vault, f"--file={memory}/pw=db/creds/x#password")
    wait_until(lambda: asked(vault, "v1/db/creds/x") == 2, "the read that fails", seconds=20)
    assert content(memory / "pw") == "first"
    wait_until(lambda: content(memory / "pw") == "second", "the read after it", seconds=20)
    assert "trying again" in ended(job) and asked(vault, "/login") == 2


def test_an_account_is_made_once_a_login_though_another_secret_can_not_be_read(vault, memory):
    """As when one of two was deleted. It is tried ever more seldom."""
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 6), logged_in("s.two"))), ("leases/renew", plain(200, {"lease_duration": 900})),
                         ("renew-self", in_turn(plain(403, {"errors": []}), renewed(900))),
                         ("v1/db/creds/x", in_turn(account("first"), account("second"), account("third"))),
                         ("/data/x ", in_turn(plain(200, secret()), plain(404, {"errors": []})))]
    job = supervised(vault, f"--file={memory}/account=db/creds/x#password", f"--file={memory}/pw=secret/x#pw")
    wait_until(lambda: asked(vault, "/data/x ") == 3, "two tries", seconds=40)
    time.sleep(0.5)
    assert content(memory / "account") == "first" and asked(vault, "v1/db/creds/x") == 2
    assert any(b"leases/renew" in request and b"db/creds/x/second" in request for request in vault.seen)
    assert ended(job).count("trying again") == 1  # the same failure is reported once an hour
    assert sorted(revoked(vault)) == [b"s.one", b"s.two"]


def test_an_account_is_made_once_a_login_though_its_file_can_not_be_written(vault, memory):
    (memory / "folder").mkdir()
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 6), logged_in("s.two", 2))), ("leases/renew", plain(200, {"lease_duration": 900})),
                         ("renew-self", in_turn(plain(403, {"errors": []}), renewed(2))),
                         ("v1/db/creds/x", in_turn(account("first"), account("second"), account("third")))]
    job = supervised(vault, f"--file={memory}/folder/pw=db/creds/x#password")
    wait_until(lambda: (memory / "folder/pw").exists(), "the file")
    (memory / "folder/pw").unlink()
    (memory / "folder").rmdir()
    wait_until(lambda: asked(vault, "renew-self") == 4, "two tries more", seconds=20)
    assert asked(vault, "v1/db/creds/x") == 2
    assert ended(job).count("can't write") == 1 and sorted(revoked(vault)) == [b"s.one", b"s.two"]


def test_an_account_that_nobody_got_ends_with_the_next_login(vault, memory):
    """Those of before it are in use, and those behind it will be."""
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 6), logged_in("s.two", 6), logged_in("s.three"))),
                         ("renew-self", plain(403, {"errors": []})),
                         ("v1/db/creds/x", in_turn(account("first"), account("second"), account("third"))),
                         ("/data/x ", in_turn(plain(200, secret()), plain(404, {"errors": []}), plain(200, secret())))]
    job = supervised(vault, f"--file={memory}/account=db/creds/x#password", f"--file={memory}/pw=secret/x#pw")
    wait_until(lambda: content(memory / "account") == "third", "the third account", seconds=20)
    wait_until(lambda: sorted(revoked(vault)) == [b"s.one", b"s.two"], "the tokens of before to be revoked")
    ended(job)
    assert sorted(revoked(vault)) == [b"s.one", b"s.three", b"s.two"]


def test_files_that_can_not_be_written_anew_stay_as_they_are(vault, memory):
    for name in ("one", "two"):
        (memory / name).mkdir()
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one", 3), logged_in("s.two"))), ("renew-self", plain(403, {"errors": []}))]
    job = supervised(vault, f"--file={memory}/one/a=secret/x#pw", f"--file={memory}/two/b=secret/x#pw", f"--file={memory}/one/c=secret/x#pw")
    wait_until(lambda: (memory / "one/c").exists(), "the files")
    (memory / "two/b").unlink()
    (memory / "two").rmdir()
    wait_until(lambda: asked(vault, "/login") == 2 and asked(vault, "/data/x ") == 2, "the second round", seconds=20)
    time.sleep(0.5)
    assert content(memory / "one/a") == SECRET and content(memory / "one/c") == SECRET
    assert "can't write" in ended(job)
    assert list((memory / "one").iterdir()) == []


def test_what_the_command_itself_put_there_stays(vault, memory):
    done = vault.client.run("exec", "--supervise", f"--file={memory}/pw=secret/x#pw", f"--file={memory}/q=secret/x#pw", "--",
                            "sh", "-c", f"rm {memory}/pw; echo mine > {memory}/pw")
    assert done.returncode == 0 and [(path.name, path.read_text()) for path in memory.iterdir()] == [("pw", "mine\n")]


@pytest.mark.parametrize("ttl_s", [0, 1])
def test_a_lease_that_is_hardly_renewed_is_read_anew(vault, memory, ttl_s):
    vault.answers[:0] = [("/login", in_turn(logged_in("s.one"), logged_in("s.two"))), ("renew-self", renewed(900)),
                         ("leases/renew", plain(200, {"lease_duration": ttl_s})), ("v1/db/creds/x", in_turn(account("first", 2), account("second")))]
    job = supervised(vault, f"--file={memory}/pw=db/creds/x#password")
    wait_until(lambda: content(memory / "pw") == "second", "the file anew", seconds=20)
    ended(job)


@pytest.mark.parametrize("ttl_s", [2**63 - 1, -(2**63)])
def test_a_life_that_nothing_can_have_has_no_renewals_without_end(vault, ttl_s):
    """Half of it is a time that has gone by, to who reckons with it as it is."""
    vault.answers[:0] = [("/login", logged_in("s.one", ttl_s)), ("renew-self", renewed(ttl_s)),
                         ("v1/db/creds/x", account("first", ttl_s)), ("leases/renew", plain(200, {"lease_duration": ttl_s}))]
    done = vault.client.run("exec", "--supervise", "--env=A=db/creds/x#password", "--", "sleep", "1")
    assert done.returncode == 0 and asked(vault, "/renew") == 0 and asked(vault, "/login") == 1
    given = vault.client.run("renew", env={"BAO_TOKEN": "s.given"})
    assert given.stdout == ("0\n" if ttl_s < 0 else "316224000\n")  # ten years at most


def test_a_token_that_was_given_is_renewed_as_well(vault):
    vault.answers[:0] = [("lookup-self", plain(200, {"data": {"ttl": 2}})), ("renew-self", renewed(900))]
    vault.client.env["BAO_TOKEN"] = "s.given"
    job = supervised(vault, "--env=A=secret/x#pw")
    wait_until(lambda: asked(vault, "renew-self"), "the renewal", seconds=20)
    ended(job)
    assert asked(vault, "/login") == 0 and revoked(vault) == []


def test_a_token_that_was_given_and_may_not_ask_is_warned_of(vault):
    vault.answers[:0] = [("lookup-self", plain(403, {"errors": ["no"]}))]
    done = vault.client.run("exec", "--supervise", "--env=A=secret/x#pw", "--", "sleep", "2", env={"BAO_TOKEN": "s.given"})
    assert done.returncode == 0 and "not renewed" in done.stderr


# ---- a terminal ----


def test_a_supervised_command_has_the_terminal_for_itself(vault):
    """What is waited for is told until the command begins, and not for as long as it runs."""
    import pty

    master, slave = pty.openpty()
    job = vault.client.start("exec", "--supervise", "--env=A=secret/x#pw", "--", "sleep", "4", stdin=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    assert job.wait(30) == 0
    os.set_blocking(master, False)
    try:
        assert os.read(master, 65536) == b""
    except OSError:
        pass
    os.close(master)
