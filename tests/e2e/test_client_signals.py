"""A signal at any step of arv-vault: the command has its secrets and runs, or nothing of them is left and the status says so.

As process 1 of a PID namespace as well, for which the kernel drops a signal whose action is the default one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from false_vault import AUTH, asked, plain, revoked, secret
from processes import wait_until

DATABASE = plain(200, {"data": {"path": "db/", "type": "database"}})
ACCOUNT = plain(200, {"lease_id": "db/creds/x/first", "lease_duration": 900, "renewable": True, "data": {"password": "first-account"}})
FILES = ("pw=secret/x#pw", "account=db/creds/x#password")
STEPS = ["/login", "/mounts/secret", "/data/x ", "/mounts/db", "v1/db/creds/x"]  # in the order in which an exec asks


@pytest.fixture
def vault(false_vault):
    false_vault.answers[:0] = [("/mounts/db", DATABASE), ("v1/db/creds/x", ACCOUNT), ("/data/x ", plain(200, secret()))]
    return false_vault


def as_process_1() -> list[str]:
    words = ["unshare", "--pid", "--fork", "--kill-child"]
    if os.getuid() != 0 or subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no PID namespace can be made here")
    return words


@pytest.fixture(params=[False, True], ids=["ordinary", "process_1"])
def process_1(request) -> bool:
    return request.param


def start(vault, process_1: bool, *words: str, **options) -> tuple[subprocess.Popen, int]:
    """The job, and the process to send signals to."""
    job = subprocess.Popen([*(as_process_1() if process_1 else []), arv_vault_path(), *words], env=vault.client.environment(),
                           stdin=subprocess.DEVNULL, cwd=vault.client.home, **options)
    if not process_1:
        return job, job.pid
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
    wait_until(lambda: children.read_text().strip(), "the process in its namespace")
    return job, int(children.read_text().split()[0])


def answered(vault, step: str, answer: bytes) -> None:
    vault.answers.insert(0, (step, answer))


def late(answer: bytes, seconds: float):
    def give() -> bytes:
        time.sleep(seconds)
        return answer
    return give


def ended_by(job: subprocess.Popen, process_1: bool, number: int) -> bool:
    """A process 1 gives the status that shells have for it; all others end by the signal itself."""
    return job.wait(30) == (128 + number if process_1 else -number)


# ---- at each request ----


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
def test_a_signal_while_it_waits_for_the_server(vault, memory, process_1, step, options):
    answered(vault, step, b"HANG")
    job, pid = start(vault, process_1, "exec", *options, *(f"--file={memory}/{file}" for file in FILES), "--", "touch",
                     f"{memory}/ran", stderr=subprocess.PIPE)
    wait_until(lambda: asked(vault, step), "the request")
    os.kill(pid, signal.SIGTERM)
    assert ended_by(job, process_1, signal.SIGTERM)
    assert list(memory.iterdir()) == [] and job.stderr.read() == b""
    assert revoked(vault) == ([] if step == "/login" else [b"s.false"])


def test_a_login_that_is_under_way_is_waited_for_and_revoked(vault, memory, process_1):
    """Whoever does not wait for the answer can't revoke the token in it."""
    answered(vault, "/login", late(plain(200, AUTH), 1))
    job, pid = start(vault, process_1, "exec", f"--file={memory}/pw=secret/x#pw", "--", "touch", f"{memory}/ran")
    wait_until(lambda: asked(vault, "/login"), "the login")
    os.kill(pid, signal.SIGINT)
    assert ended_by(job, process_1, signal.SIGINT)
    assert list(memory.iterdir()) == [] and revoked(vault) == [b"s.false"] and asked(vault, "/data/x ") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMAX])
def test_each_signal_that_ends_a_process(vault, memory, process_1, number):
    answered(vault, "/data/x ", b"HANG")
    job, pid = start(vault, process_1, "exec", f"--file={memory}/pw=secret/x#pw", "--", "touch", f"{memory}/ran")
    wait_until(lambda: asked(vault, "/data/x "), "the request")
    os.kill(pid, number)
    assert ended_by(job, process_1, number) and revoked(vault) == [b"s.false"] and list(memory.iterdir()) == []


@pytest.mark.parametrize("words", [("get", "secret/x#pw"), ("env", "--env=A=secret/x#pw"), ("render", "t", "-"), ("wrap", "secret/x"),
                                   ("put-all", "--cas=0", "secret/x"), ("whoami",), ("doctor", "secret/x"), ("version", "--server")],
                         ids=lambda words: words[0])
def test_every_command_gives_back_its_token(vault, process_1, words):
    (vault.client.home / "t").write_text("${vault:secret/x#pw}")
    (vault.client.home / "in").write_text("{}")
    answered(vault, "lookup-self|/data/x |auth/arvados/version", b"HANG")
    answered(vault, "sys/health", plain(200, {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2"}))
    with (vault.client.home / "in").open() as given:
        job = subprocess.Popen([*(as_process_1() if process_1 else []), arv_vault_path(), *words], env=vault.client.environment(),
                               stdin=given, cwd=vault.client.home, stdout=subprocess.PIPE)
    wait_until(lambda: asked(vault, "lookup-self") + asked(vault, "/data/x ") + asked(vault, "auth/arvados/version"), "the request")
    pid = int(Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()[0]) if process_1 else job.pid
    os.kill(pid, signal.SIGTERM)
    assert ended_by(job, process_1, signal.SIGTERM)
    assert SECRET.encode() not in job.stdout.read() and revoked(vault) == [b"s.false"]


def test_it_ends_while_nobody_reads_its_output(vault, process_1):
    """The write blocks, and the token of the secret in it is still ours."""
    answered(vault, "/data/x ", plain(200, secret("x" * 200_000)))
    job, pid = start(vault, process_1, "get", "secret/x#pw", stdout=subprocess.PIPE)
    wait_until(lambda: "pipe" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/syscall").read_text().startswith("1 "),
               "it to write")
    os.kill(pid, signal.SIGTERM)
    assert ended_by(job, process_1, signal.SIGTERM) and revoked(vault) == [b"s.false"]


def test_before_there_is_anything_to_give_back_it_ends_at_once(vault, process_1):
    job = subprocess.Popen([*(as_process_1() if process_1 else []), arv_vault_path(), "put-all", "secret/x"],
                           env=vault.client.environment(), stdin=subprocess.PIPE, cwd=vault.client.home)
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
    wait_until(lambda: not process_1 or children.read_text().strip(), "the process")
    pid = int(children.read_text().split()[0]) if process_1 else job.pid
    wait_until(lambda: Path(f"/proc/{pid}/syscall").read_text().startswith("0 "), "it to read")
    os.kill(pid, signal.SIGTERM)
    assert ended_by(job, process_1, signal.SIGTERM) and vault.seen == []


def test_a_second_signal_wants_the_end_now(vault, process_1):
    answered(vault, "revoke-self", b"HANG")
    answered(vault, "/data/x ", b"HANG")
    job, pid = start(vault, process_1, "get", "secret/x#pw")
    wait_until(lambda: asked(vault, "/data/x "), "the request")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: asked(vault, "revoke-self"), "it to revoke")
    time.sleep(1.2)
    before = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert ended_by(job, process_1, signal.SIGTERM) and time.monotonic() - before < 1.5


# ---- between the files and the command ----


@pytest.mark.parametrize("call", ["fsync", "linkat", "fchmod", "rt_sigprocmask", "rt_sigpending", "execve", "close"])
@pytest.mark.parametrize("options", [(), ("--supervise",)], ids=["becomes", "supervises"])
def test_a_signal_at_each_call_of_a_delivery(vault, memory, tmp_path, call, options):
    if os.environ.get("VPA_SANITIZED"):
        pytest.skip("the leak checker does not run under strace")
    calls = tmp_path / "calls"
    words = ["exec", *options, *(f"--file={memory}/{file}" for file in FILES), "--", "/bin/cat", f"{memory}/pw", f"{memory}/account"]

    def run(*inject: str) -> subprocess.CompletedProcess:
        for left in memory.iterdir():
            left.unlink()
        vault.seen.clear()
        return subprocess.run(["strace", "-qq", "-f", "-o", str(calls), "-e", f"trace={call}", *inject, arv_vault_path(), *words],
                              env=vault.client.environment(), capture_output=True, timeout=60, check=False)

    done = run()
    assert done.returncode == 0 and done.stdout.decode() == SECRET + "first-account"
    own = [line for line in calls.read_text().splitlines() if f" {call}(" in line]
    main = own[-1 if not options else 0].split()[0]
    n_calls = sum(line.split()[0] == main for line in own)
    for nth in sorted({*range(max(1, n_calls - 6), n_calls + 1), 1}):
        done = run("-e", f"inject={call}:signal=TERM:when={nth}")
        if done.returncode == 0 and done.stdout.decode() == SECRET + "first-account":
            continue  # the signal came to the command, or behind it
        assert done.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM), (call, nth, done)
        if done.stdout == b"" and not (memory / "pw").exists():
            assert revoked(vault) == [b"s.false"] * asked(vault, "/login"), (call, nth, vault.seen)
        else:
            # The command had begun: it has been delivered completely.
            assert {path.name for path in memory.iterdir()} in ({"pw", "account"}, set()), (call, nth)


@pytest.mark.parametrize("call", ["rt_sigpending", "execve"])
def test_a_signal_of_the_last_moment_leaves_time_to_revoke(vault, memory, tmp_path, call):
    """The one that comes after the watcher has ended, and the one right before the command."""
    if os.environ.get("VPA_SANITIZED"):
        pytest.skip("the leak checker does not run under strace")
    answered(vault, "revoke-self", late(plain(204, b""), 0.7))
    inject = f"inject={call}:signal=TERM:when={2 if call == 'execve' else 1}"  # the first execve is arv-vault's own
    done = subprocess.run(["strace", "-qq", "-o", str(tmp_path / "calls"), "-e", f"trace={call}", "-e", inject, arv_vault_path(), "exec",
                           f"--file={memory}/account=db/creds/x#password", "--", "/bin/cat", f"{memory}/account"],
                          env=vault.client.environment(), capture_output=True, timeout=60, check=False)
    if call == "execve" and done.stdout:
        return  # the signal was the command's
    assert done.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM) and b"not revoked" not in done.stderr, done
    assert revoked(vault) == [b"s.false"] and list(memory.iterdir()) == []


def test_process_1_gives_its_signals_to_the_command(vault, memory):
    """One that becomes its command has given it what it needs; the command handles it as it likes."""
    job, pid = start(vault, True, "exec", f"--file={memory}/pw=secret/x#pw", "--", "sh", "-c",
                     f"trap 'exit 9' TERM; touch {memory}/ready; while :; do sleep 0.1; done")
    wait_until(lambda: (memory / "ready").exists(), "the command")
    os.kill(pid, signal.SIGTERM)
    assert job.wait(20) == 9


@pytest.mark.parametrize("to", ["process", "group"])
def test_a_supervised_command_gets_a_signal_once(vault, memory, to):
    job, pid = start(vault, False, "exec", "--supervise", f"--file={memory}/pw=secret/x#pw", "--", "sh", "-c",
                     f"trap 'echo x >> {memory}/got' TERM; touch {memory}/ready; while ! test -e {memory}/end; do sleep 0.1; done",
                     start_new_session=True)
    wait_until(lambda: (memory / "ready").exists(), "the command")
    (os.killpg if to == "group" else os.kill)(pid, signal.SIGTERM)
    wait_until(lambda: (memory / "got").exists(), "the signal")
    time.sleep(0.5)
    (memory / "end").touch()
    assert job.wait(20) == 0 and (memory / "got").read_text() == "x\n"


# ---- with the runtime that containers have ----


@pytest.mark.parametrize("step", ["/login", "/data/x ", "v1/db/creds/x"])
def test_in_a_container_of_runc(vault, tmp_path, step):
    """`runc kill` sends what `docker stop` sends: to process 1."""
    if shutil.which("runc") is None or os.getuid() != 0:
        pytest.skip("needs runc and root")
    bundle = tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"].update(terminal=False, cwd="/", env=[f"{name}={value}" for name, value in vault.client.environment().items()],
                             args=[os.path.realpath(arv_vault_path()), "exec", "--file=/dev/shm/pw=secret/x#pw", "--file=/dev/shm/a=db/creds/x#password",
                                   "--", "cat", "/dev/shm/pw"])
    config.pop("hostname", None)
    config["root"]["readonly"] = False
    config["linux"]["namespaces"] = [space for space in config["linux"]["namespaces"] if space["type"] in ("mount", "pid")]
    config["linux"].pop("resources", None)
    config["mounts"] = [mount for mount in config["mounts"] if mount["destination"] in ("/proc", "/dev", "/dev/shm")]
    own = {path for path in ("/bin", "/lib", "/lib64", "/usr", "/etc", str(vault.client.home.parent), os.path.dirname(os.path.realpath(arv_vault_path())))
           if Path(path).exists()}
    config["mounts"] += [{"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]} for path in sorted(own)]
    (bundle / "config.json").write_text(json.dumps(config))
    answered(vault, step, b"HANG")
    name = f"arv-vault-test-{os.getpid()}-{time.monotonic_ns()}"
    job = subprocess.Popen(["runc", "--root", str(tmp_path / "state"), "run", "--bundle", str(bundle), name], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not asked(vault, step) and time.monotonic() < deadline:
        if job.poll() is not None and not vault.seen:  # runc itself failed
            pytest.skip("runc can't start containers here: " + job.stderr.read().decode()[-300:])
        time.sleep(0.05)
    subprocess.run(["runc", "--root", str(tmp_path / "state"), "kill", name, "TERM"], check=True)
    assert job.wait(30) == 128 + signal.SIGTERM and job.stdout.read() == b""
    assert revoked(vault) == ([] if step == "/login" else [b"s.false"])
