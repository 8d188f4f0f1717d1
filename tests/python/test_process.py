"""The child of the Python package: where secrets are not seen, and what fork, threads, signals and the end of the interpreter do."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import arvados_vault
from arvados_vault import Vault
from client import SECRET
from conftest import ROOT
from false_vault import asked, plain, revoked
from processes import process_exists, wait_until

REF = "secret/x#pw"


def child_of(vault: Vault) -> int:
    return vault._child._process.pid


def run(false_server, program: str, **options) -> subprocess.CompletedProcess:
    """Another interpreter, with the library and its environment."""
    return subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT / "python/src")},
                          capture_output=True, text=True, timeout=60, check=False, **options)


# ---- secrets ----


def test_tokens_given_as_arguments_are_in_no_argument_and_no_environment(false_server, monkeypatch):
    monkeypatch.delenv("ARVADOS_API_TOKEN")
    token = "v2/zzzzz-gj3su-077z32aux8dg2s2/" + "a" * 50
    for given in ({"token": "s.given"}, {"arvados_token": token}):
        with Vault(**given) as vault:
            assert vault.get_secret(REF) == SECRET
            process = Path(f"/proc/{child_of(vault)}")
            shown = process.joinpath("cmdline").read_bytes() + repr(vault).encode()
            environment = process.joinpath("environ").read_bytes()
            for secret in given.values():
                assert secret.encode() not in shown + environment
    assert b"s.given" in b"".join(false_server.seen)


@pytest.mark.parametrize("answer", [
    plain(403, {"errors": []}), plain(503, {"errors": []}), plain(400, {"errors": ["check-and-set parameter did not match the current version"]}),
    b"nonsense",
], ids=["denied", "unavailable", "conflict", "nonsense"])
@pytest.mark.parametrize("call", [
    lambda: arvados_vault.set_all_secrets("secret/x", {"a": SECRET}),
    lambda: arvados_vault.put_secret("secret/x#a", SECRET),
    lambda: arvados_vault.Job("team", "job", path="secret/x/{team}/{job}").set_all_secrets({"a": SECRET}),
    lambda: arvados_vault.set_all_secrets("secret/x", {"a": SECRET, "b": object()}),
    lambda: arvados_vault.put_secret("secret/x", SECRET),
    lambda: arvados_vault.set_all_secrets("secret/x#y", {"a": SECRET}),
    lambda: Vault(token=SECRET, address="http://vault.example").whoami(),
], ids=["set", "put", "job", "value", "ref", "path", "token"])
def test_no_secret_is_in_a_traceback_with_its_variables(false_server, answer, call):
    false_server.answers[:0] = [("POST .*/data/x", answer), ("/data/x/team", answer)]
    with pytest.raises(arvados_vault.VaultError) as raised:
        call()
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    own = shown[shown.index("arvados_vault/"):]
    assert SECRET not in own, own
    assert raised.value.__context__ is None or SECRET not in repr(raised.value.__context__)


def test_the_client_says_nothing_on_standard_output(false_server):
    done = run(false_server, f"import arvados_vault; assert arvados_vault.get_secret({REF!r}) == {SECRET!r}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- one login ----


def test_a_thousand_reads_cost_one_start_and_one_login(false_server):
    assert arvados_vault.get_secret(REF) == SECRET
    first = child_of(arvados_vault._default.vault())
    for _ in range(999):
        assert arvados_vault.get_secret(REF) == SECRET
    assert child_of(arvados_vault._default.vault()) == first
    assert asked(false_server, "/login") == 1


def test_threads_share_a_connection(false_server):
    with Vault() as vault, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda n: vault.get_secret(REF), range(200))) == {SECRET}
    assert asked(false_server, "/login") == 1 and revoked(false_server) == [b"s.false"]


def test_the_thread_that_opened_it_may_end(false_server):
    with Vault() as vault:
        thread = threading.Thread(target=vault.get_secret, args=(REF,))
        thread.start()
        thread.join()
        child = child_of(vault)
        assert vault.get_secret(REF) == SECRET and child_of(vault) == child


def test_a_child_that_was_killed_is_replaced(false_server):
    with Vault() as vault:
        assert vault.get_secret(REF) == SECRET
        first = child_of(vault)
        os.kill(first, signal.SIGKILL)
        assert vault.get_secret(REF) == SECRET and child_of(vault) != first


def test_a_child_that_is_killed_during_a_write_is_told(false_server):
    with Vault() as vault:
        vault.get_secret(REF)
        child = child_of(vault)
        false_server.answers[:0] = [("POST .*/data/x ", lambda: (os.kill(child, signal.SIGKILL), b"HANG")[1])]
        with pytest.raises(arvados_vault.Unavailable, match="signal 9"):
            vault.set_all_secrets("secret/x", {"a": SECRET}, version=1)
        assert vault.get_secret(REF) == SECRET


def test_wrong_settings_can_be_corrected_without_a_new_interpreter(false_server, monkeypatch):
    address = os.environ["BAO_ADDR"]
    monkeypatch.delenv("BAO_ADDR")
    with pytest.raises(arvados_vault.ConfigurationError, match="BAO_ADDR"):
        arvados_vault.get_secret(REF)
    monkeypatch.setenv("BAO_ADDR", address)
    assert arvados_vault.get_secret(REF) == SECRET


# ---- fork ----


def test_after_a_fork_each_process_has_a_connection_of_its_own(false_server):
    with Vault() as vault:
        assert vault.get_secret(REF) == SECRET
        first = child_of(vault)
        pid = os.fork()
        if pid == 0:
            good = vault.get_secret(REF) == SECRET and child_of(vault) != first
            vault.close()
            os._exit(0 if good else 1)
        assert vault.get_secret(REF) == SECRET and child_of(vault) == first
        assert os.waitpid(pid, 0)[1] == 0
        assert vault.get_secret(REF) == SECRET
    assert not process_exists(first)


def test_a_fork_while_a_thread_asks(false_server):
    with Vault() as vault, ThreadPoolExecutor(1) as pool:
        vault.get_secret(REF)
        busy = threading.Event()
        false_server.answers[:0] = [("/data/slow ", lambda: (busy.set(), threading.Event().wait(1), plain(404, {"errors": []}))[2])]
        slow = pool.submit(vault.get_secret, "secret/slow#x", "none")
        assert busy.wait(20)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if vault.get_secret(REF) == SECRET else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert slow.result(20) == "none"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_reads(false_server, method, monkeypatch):
    """The function is of the package: a module of the tests would take the environment away again."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}/python/src")
    assert arvados_vault.get_secret(REF) == SECRET
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert list(pool.map(arvados_vault.get_secret, [REF] * 6)) == [SECRET] * 6


def test_a_forked_process_does_not_keep_the_child_alive(false_server):
    """The parent is killed; a worker that it forked goes on."""
    program = ("import os, sys, time, arvados_vault\n"
               f"arvados_vault.get_secret({REF!r})\n"
               "if os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\n"
               "print(arvados_vault._default.vault()._child._process.pid, flush=True); time.sleep(60)")
    parent = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT / "python/src")},
                              stdout=subprocess.PIPE, start_new_session=True)
    try:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        wait_until(lambda: not process_exists(child) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z", "its end")
        assert revoked(false_server) == [b"s.false"]
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


# ---- signals ----


class Alarm(Exception):
    pass


@pytest.fixture
def alarm():
    """Raises `Alarm` in the main thread after a while."""
    def ring(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupted_call_gives_nobody_a_wrong_answer(false_server, alarm):
    false_server.answers[:0] = [("/data/slow ", lambda: (threading.Event().wait(1), plain(200, {"data": {"data": {"pw": "slow"}, "metadata": {"version": 1}}}))[1])]
    with Vault() as vault:
        assert vault.get_secret(REF) == SECRET
        for _ in range(3):
            alarm(0.2)
            with pytest.raises(Alarm):
                vault.get_secret("secret/slow#pw")
            assert vault.get_secret(REF) == SECRET


def test_a_signal_handler_may_ask_during_a_call(false_server):
    found = []
    false_server.answers[:0] = [("/data/slow ", lambda: (threading.Event().wait(1), plain(404, {"errors": []}))[1])]
    with Vault() as vault:
        vault.get_secret(REF)
        before = signal.signal(signal.SIGALRM, lambda *_: found.append(vault.get_secret(REF)))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        assert vault.get_secret("secret/slow#x", "none") == "none"
        signal.signal(signal.SIGALRM, before)
    assert found == [SECRET]


def test_ctrl_c_in_the_terminal_reaches_python_only(false_server):
    """A notebook goes on after it."""
    program = ("import os, signal, sys, arvados_vault\n"
               f"assert arvados_vault.get_secret({REF!r})\n"
               "first = arvados_vault._default.vault()._child._process.pid\n"
               "try:\n    os.killpg(0, signal.SIGINT); signal.pause()\nexcept KeyboardInterrupt:\n    pass\n"
               f"assert arvados_vault.get_secret({REF!r})\n"
               "assert arvados_vault._default.vault()._child._process.pid == first")
    done = run(false_server, program, start_new_session=True)
    assert done.returncode == 0, done.stderr
    assert revoked(false_server) == [b"s.false"]


# ---- the end ----


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "raise ValueError", "import threading; threading.Thread(target=lambda: __import__('time').sleep(0.2)).start()"])
def test_the_token_is_revoked_when_the_interpreter_exits(false_server, end):
    done = run(false_server, f"import arvados_vault; v = arvados_vault.Vault(); v.get_secret({REF!r}); arvados_vault.get_secret({REF!r}); {end}")
    assert done.returncode in (0, 1, 3) and "Exception ignored" not in done.stderr
    assert revoked(false_server) == [b"s.false", b"s.false"]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.execv('/bin/true', ['true'])"])
def test_the_child_ends_with_an_interpreter_that_does_not_exit_properly(false_server, end):
    run(false_server, f"import arvados_vault, os; arvados_vault.get_secret({REF!r}); {end}")
    wait_until(lambda: revoked(false_server) == [b"s.false"], "the token to be revoked")


def test_a_forgotten_vault_ends_its_child(false_server):
    vault = Vault()
    vault.get_secret(REF)
    child = child_of(vault)
    del vault
    gc.collect()
    wait_until(lambda: revoked(false_server) == [b"s.false"], "the token to be revoked")
    wait_until(lambda: not process_exists(child) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z", "its end")


def pipes() -> int:
    """The server of the test has sockets in this process; ours are pipes."""
    paths = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(os.readlink(path).startswith("pipe:") for path in paths if os.path.lexists(path))


def test_no_descriptor_is_left(false_server):
    arvados_vault.get_secret(REF)
    arvados_vault.close()
    before = pipes()
    for _ in range(5):
        with Vault(token="s.given", arvados_token="v2/x") as vault:
            vault.get_secret(REF)
            assert pipes() > before
    assert pipes() == before
