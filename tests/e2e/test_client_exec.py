"""arv-vault exec: the command gets its secrets, and nobody else does."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client import SECRET, arv_vault_path
from processes import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def secret(client):
    return client.put("open/db", password=SECRET, user="ann")


def holds_secret(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


# ---- becoming the command ----


@pytest.mark.core
def test_the_command_has_the_same_process_and_the_secret(client, secret):
    with client.start("exec", f"--env=PW={secret}#password", "--", "sh", "-c", "echo $$ $PW", stdout=subprocess.PIPE) as job:
        assert job.stdout.read().decode().split() == [str(job.pid), SECRET]


def test_standard_input_output_and_status_are_the_commands(client, secret):
    done = client.run("exec", f"--env=PW={secret}#password", "sh", "-c", "cat; echo err >&2; exit 42", stdin="\x00bytes")
    assert (done.returncode, done.stdout, done.stderr) == (42, "\x00bytes", "err\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1])
def test_signals_are_the_commands(client, secret, number):
    job = client.start("exec", f"--env=PW={secret}#password", "--", "sleep", "60")
    wait_until(lambda: Path(f"/proc/{job.pid}/comm").read_text() == "sleep\n", "the command to run")
    assert Path(f"/proc/{job.pid}/status").read_text().split("SigBlk:\t")[1].split()[0] == "0" * 16
    job.send_signal(number)
    assert job.wait(20) == -number


@pytest.mark.core
def test_no_descriptor_is_left_open(client, secret, memory):
    shown = client.ok("exec", f"--env=PW={secret}#password", f"--file={memory}/f={secret}#user", "ls", "/proc/self/fd")
    assert shown.split() == ["0", "1", "2", "3"]  # the last is ls's own


def test_closed_standard_files_are_no_harm(client, secret, memory):
    script = 'exec "$0" exec --file="$1" true <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", script, arv_vault_path(), f"{memory}/f={secret}#password"], env=client.environment(),
                          check=False, timeout=60)
    assert done.returncode == 0 and (memory / "f").read_text() == SECRET


def test_without_secrets_it_asks_nobody(client):
    assert client.ok("exec", "--", "echo", "hello", env={"BAO_ADDR": None, "ARVADOS_API_TOKEN": None}) == "hello\n"


def test_commands_that_can_not_be_run(client, secret, memory):
    refs = (f"--env=PW={secret}#password", f"--file={memory}/f={secret}#password")
    assert "No such file" in client.refused(127, "exec", *refs, "no-such-command")
    (client.home / "plain").write_text("")
    assert "denied" in client.refused(126, "exec", *refs, "./plain")
    assert list(memory.iterdir()) == []  # nobody would have used it
    assert client.refused(64, "exec", *refs)


def test_the_spec_may_come_by_the_environment(client, secret):
    """So an image can have ENTRYPOINT ["arv-vault", "exec", "--"]."""
    spec = client.home / "spec.json"
    spec.write_text(json.dumps({"env": {"PW": f"{secret}#password"}}))
    assert client.ok("exec", "--", "sh", "-c", "echo $PW", env={"ARV_VAULT_SPEC": str(spec)}) == SECRET + "\n"


# ---- all or nothing ----


def test_a_missing_secret_starts_nothing_and_leaves_nothing(client, secret, memory):
    marker = client.home / "ran"
    words = client.refused(66, "exec", f"--file={memory}/a={secret}#password", f"--env=B={secret}#none", "touch", str(marker))
    assert "no field none" in words
    assert not marker.exists() and list(memory.iterdir()) == []


def test_optional_secrets_one_by_one(client, secret, memory):
    shown = client.ok("exec", f"--env=A=?{secret}#none", f"--env=B=?{client.kv}/open/none#x", f"--env=C={secret}#user",
                      f"--file={memory}/f=?{secret}#none", "--", "sh", "-c", "echo ${A-unset} ${B-unset} $C; ls " + str(memory))
    assert shown == "unset unset ann\n"
    client.put("closed/x", v="1")
    assert client.refused(77, "exec", f"--env=A=?{client.kv}/closed/x#v", "true")  # forbidden is not missing


def test_asked_for_twice(client, secret, memory):
    assert "twice" in client.refused(64, "exec", f"--env=A={secret}#user", f"--env=A={secret}#password", "true")
    assert "twice" in client.refused(64, "exec", f"--file={memory}/f={secret}", f"--file={memory}/f={secret}", "true")


# ---- files ----


@pytest.mark.core
def test_a_file_is_its_owners_alone(client, secret, memory):
    os.umask(0)
    try:
        client.ok("exec", f"--file={memory}/pw={secret}#password", "true")
    finally:
        os.umask(0o022)
    assert (memory / "pw").stat().st_mode & 0o777 == 0o600
    assert (memory / "pw").read_text() == SECRET and [p.name for p in memory.iterdir()] == ["pw"]


def test_a_file_that_is_there_is_replaced_at_once(client, secret, memory):
    (memory / "pw").write_text("old")
    (memory / "pw").chmod(0o644)
    held = (memory / "pw").open()
    client.ok("exec", f"--file={memory}/pw={secret}#password", "true")
    assert held.read() == "old"  # a new file, not the old one's inside
    assert (memory / "pw").read_text() == SECRET and (memory / "pw").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in memory.iterdir()] == ["pw"]


def test_no_symbolic_link_is_followed(client, secret, memory):
    victim = memory / "victim"
    victim.write_text("mine")
    (memory / "link").symlink_to(victim)
    (memory / "folder").mkdir()
    (memory / "way").symlink_to(memory / "folder")
    assert "no ordinary file" in client.refused(78, "exec", f"--file={memory}/link={secret}#password", "true")
    words = client.refused(78, "exec", f"--file={memory}/way/f={secret}#password", "true")
    assert "symbolic link" in words and f"{memory}/way" in words
    assert victim.read_text() == "mine" and list((memory / "folder").iterdir()) == []


@pytest.mark.parametrize("name", ["", "folder/", ".", "..", "folder", "none/f", "fifo"])
def test_places_where_no_file_can_be(client, secret, memory, name):
    (memory / "folder").mkdir()
    os.mkfifo(memory / "fifo")
    done = client.run("exec", f"--file={memory}/{name}={secret}#password", "true")
    assert done.returncode in (74, 78) and SECRET not in done.stderr


def test_a_disk_is_warned_of_and_memory_is_not(client, secret, memory, tmp_path):
    done = client.run("exec", f"--file={memory}/pw={secret}#password", "true")
    assert done.returncode == 0 and done.stderr == ""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    if kind.strip() not in ("tmpfs", "ramfs"):
        done = client.run("exec", f"--file={tmp_path}/pw={secret}#password", "true")
        assert done.returncode == 0 and "/dev/shm" in done.stderr
        assert client.run("exec", "--quiet", f"--file={tmp_path}/pw={secret}#password", "true").stderr == ""


def test_a_full_disk_leaves_the_old_file_and_no_half_of_the_new(client, memory):
    if os.getuid() != 0:
        pytest.skip("mounting takes root")
    path = client.put("open/big", value=SECRET + "x" * 200_000)
    small = memory / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], check=False).returncode != 0:
        pytest.skip("no mounts here")
    try:
        (small / "pw").write_text("old")
        words = client.refused(74, "exec", f"--file={memory}/other={path}#value", f"--file={small}/pw={path}#value", "true")
        assert "No space left" in words
        assert (small / "pw").read_text() == "old" and [p.name for p in small.iterdir()] == ["pw"]
        assert not (memory / "other").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL], ids=["ignored", "default"])
def test_a_limit_on_file_sizes_is_told(client, secret, memory, before):
    """As `ulimit -f` sets it; the signal that comes with it must not leave what was written already."""
    path = client.put("open/big", value=SECRET + "x" * 200_000)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    files = (f"--file={memory}/small={secret}#password", f"--file={memory}/pw={path}#value")
    assert "too large" in client.refused(74, "exec", *files, "true", preexec_fn=limit)
    assert list(memory.iterdir()) == []


TRACED = ("openat", "write", "fsync", "fchmod", "linkat", "renameat")


@pytest.mark.plain_build
@pytest.mark.parametrize("call", TRACED)
@pytest.mark.parametrize("exists", [False, True], ids=["new", "replacing"])
def test_killed_at_any_step_there_is_no_half_of_a_file(client, secret, memory, tmp_path, call, exists):
    """strace ends the process by SIGKILL at the last such calls in turn; what is there afterwards is whole, old or nothing."""

    def run(*inject: str) -> int:
        for path in memory.iterdir():
            path.unlink()
        if exists:
            (memory / "pw").write_text("old")
        return subprocess.run(["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", f"trace={call}", *inject,
                               arv_vault_path(), "exec", f"--file={memory}/pw={secret}#password", "/bin/true"],
                              env=client.environment(), capture_output=True, timeout=60, check=False).returncode

    assert run() == 0
    n_calls = sum(f" {call}(" in line for line in (tmp_path / "calls").read_text().splitlines())
    assert n_calls > 0 or (call == "renameat" and not exists)
    for nth in range(max(1, n_calls - 11), n_calls + 1):
        status = run("-e", f"inject={call}:signal=KILL:when={nth}")
        left = {path.name: path.read_text() for path in memory.iterdir()}
        assert status != 0 or call == "openat", (call, nth)  # the command's own calls may be the last
        for name, content in left.items():
            assert content in ((SECRET, "old") if name == "pw" else (SECRET,)), (call, nth, left)
        assert "pw" in left or not exists


# ---- where it must not be ----


def test_a_secret_shows_in_no_argument_and_no_environment_but_the_commands(client, secret, memory):
    seen = client.home / "seen"
    spy = f"cat /proc/*/cmdline > {seen}.args 2>/dev/null; cat /proc/$PPID/environ > {seen}.parent; true"
    job = client.run("exec", f"--env=PW={secret}#password", f"--file={memory}/pw={secret}#password", "sh", "-c", spy)
    assert job.returncode == 0
    assert SECRET.encode() not in (client.home / "seen.args").read_bytes()
    assert SECRET.encode() not in (client.home / "seen.parent").read_bytes()


def test_nothing_of_it_in_temporary_files_logs_or_words(client, secret, memory, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    done = client.run("exec", f"--env=PW={secret}#password", f"--file={memory}/pw={secret}#password",
                      f"--env=X={secret}#none", "true", env={"TMPDIR": str(tmp), "SSLKEYLOGFILE": str(tmp / "keys")})
    assert done.returncode == 66
    assert holds_secret(tmp) == [] and holds_secret(client.home) == [] and holds_secret(memory) == []
    assert not (tmp / "keys").exists()
    assert SECRET not in client.mount.bao.log() and SECRET not in client.mount.bao.audit()


def dumps_core(argv: list[str], folder: Path, **options) -> bool:
    """Whether the process leaves a core when it is aborted while it waits for standard input."""
    def unlimited() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    job = subprocess.Popen(argv, stdin=subprocess.PIPE, cwd=folder, preexec_fn=unlimited, **options)
    wait_until(lambda: "pipe" in Path(f"/proc/{job.pid}/wchan").read_text() or Path(f"/proc/{job.pid}/syscall").read_text()
               .startswith("0 "), "it to read")
    job.send_signal(signal.SIGABRT)
    _, status = os.waitpid(job.pid, 0)
    job.returncode = status
    job.stdin.close()
    return os.WCOREDUMP(status)


def test_no_core_is_dumped_while_it_holds_secrets(client, secret):
    """Not dumpable until it becomes the command; then that one is as it would be without us."""
    if os.getuid() != 0 or not dumps_core(["cat"], client.home):
        pytest.skip("nothing dumps core here")
    assert not dumps_core([arv_vault_path(), "env", "/dev/stdin"], client.home, env=client.environment())
    shown = client.ok("exec", f"--env=PW={secret}#password", sys.executable, "-c",
                      "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")
    assert shown == "1\n"


def test_arguments_only_by_explicit_wish_and_loudly(client, secret):
    word = "--password=${vault:" + secret + "#password}"
    assert "--allow-argv" in client.refused(64, "exec", "echo", word)
    done = client.run("exec", "--allow-argv", "--quiet", "echo", word)
    assert done.stdout == f"--password={SECRET}\n" and "SECRETS GO INTO" in done.stderr


# ---- the spec ----


@pytest.mark.core
def test_all_of_it_from_a_spec(client, secret, memory):
    template = client.home / "conf.json.in"
    template.write_text('{"url": "db://${vault:%s#user}:${vault:%s#password}@h"}' % (secret, secret))
    spec = client.home / "spec.json"
    spec.write_text(json.dumps({
        "mount": client.mount.path,
        "env": {"PW": f"{secret}#password", "NONE": {"ref": f"{secret}#none", "optional": True}},
        "files": [{"path": f"{memory}/pw", "ref": f"{secret}#password", "mode": "0400"},
                  {"path": f"{memory}/none", "ref": f"{secret}#none", "optional": True}],
        "templates": [{"path": f"{memory}/conf.json", "template": str(template), "kind": "json"}],
    }))
    shown = client.ok("exec", f"--spec={spec}", "--", "sh", "-c", f"echo $PW ${{NONE-unset}}; cat {memory}/conf.json",
                      env={"ARV_VAULT_MOUNT": "another"})
    assert shown == f'{SECRET} unset\n{{"url": "db://ann:{SECRET}@h"}}'
    assert (memory / "pw").stat().st_mode & 0o777 == 0o400 and not (memory / "none").exists()


@pytest.mark.parametrize("spec", [
    "[]", "{", '{"evn": {}}', '{"env": []}', '{"env": {"A": 1}}', '{"env": {"A": {"ref": "x/y#z", "optinal": true}}}',
    '{"files": [{"path": "/dev/shm/x"}]}', '{"files": [{"path": "/dev/shm/x", "ref": "a/b", "mode": "0644"}]}',
    '{"files": [{"path": "/dev/shm/x", "ref": "a/b", "mode": "9"}]}', '{"env": {"A": "a/b", "A": "c/d"}}',
    '{"templates": [{"path": "/dev/shm/x", "template": "/none"}]}', '{"env": {"A B": "a/b"}}',
])
def test_specs_that_are_none(client, spec):
    (client.home / "spec.json").write_text(spec)
    done = client.run("exec", "--spec=spec.json", "true")
    assert done.returncode in (64, 74, 78) and done.stderr.startswith("arv-vault: "), done.stderr


def test_the_schema_of_the_docs_takes_what_the_program_takes():
    schema = json.loads((ROOT / "docs/reference/arv-vault-spec.schema.json").read_text())
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"mount", "role", "env", "files", "templates"}
    source = (ROOT / "src/client/spec.c").read_text()
    for section, name in (("files", "FILE_FIELDS"), ("templates", "TEMPLATE_FIELDS")):
        table = source.split(f"{name}[] = {{")[1].split("};")[0]
        keys = {line.split('"')[1] for line in table.splitlines() if line.strip().startswith('{ "')}
        assert set(schema["properties"][section]["items"]["properties"]) == keys


# ---- supervising ----


def short_role(client, ttl: str, most: str) -> None:
    answer = client.mount.bao.call("POST", f"auth/{client.mount.path}/role/short",
                                   {"token_ttl": ttl, "token_explicit_max_ttl": most})
    assert answer.status_code in (200, 204)
    client.env["ARV_VAULT_ROLE"] = "short"


@pytest.mark.core
def test_supervised_commands_end_as_they_would(client, secret, memory):
    before = client.tokens_alive()
    assert client.run("exec", "--supervise", f"--env=PW={secret}#password", "sh", "-c", "exit 7").returncode == 7
    assert client.run("exec", "--supervise", f"--env=PW={secret}#password", "sh", "-c", "kill -9 $$").returncode == 137
    assert client.run("exec", "--supervise", f"--env=PW={secret}#password", "no-such-command").returncode == 127
    done = client.run("exec", "--supervise", f"--file={memory}/pw={secret}#password", "cat", f"{memory}/pw")
    assert done.stdout == SECRET and list(memory.iterdir()) == []  # cleaned up
    assert client.tokens_alive() == before  # and revoked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGXCPU, signal.SIGRTMIN])
def test_signals_are_passed_on(client, secret, number):
    script = f"trap 'echo got; exit 5' {number.value}; echo ready; while :; do sleep 0.1; done"
    job = client.start("exec", "--supervise", f"--env=PW={secret}#password", "--", "sh", "-c", script, stdout=subprocess.PIPE)
    assert job.stdout.readline() == b"ready\n"
    job.send_signal(number)
    assert job.stdout.readline() == b"got\n" and job.wait(20) == 5


def test_the_command_does_not_outlive_its_supervisor(client, secret):
    job = client.start("exec", "--supervise", f"--env=PW={secret}#password", "--", "sh", "-c", "echo $$; exec sleep 60",
                       stdout=subprocess.PIPE)
    child = int(job.stdout.readline())
    job.kill()
    job.wait(20)
    wait_until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2],
               "the command to end")


def test_orphans_are_waited_for(client, secret):
    """As the first process of a container it is everybody's parent in the end."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespaces here")
    script = "sh -c 'sleep 0.2 & sleep 0.1' ; sleep 1; ps -e -o stat= | grep -c Z"
    done = subprocess.run([*unshare, arv_vault_path(), "exec", "--supervise", f"--env=PW={secret}#password", "--", "sh", "-c", script],
                          env=client.environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "0", done


def test_it_renews_and_logs_in_again_and_writes_files_anew(client, memory):
    """Half a minute is the shortest life that the plugin gives; the maximum comes after forty-five seconds."""
    secret = client.put("open/changing", value="first")
    short_role(client, "30s", "45s")
    fifo = client.home / "go"
    os.mkfifo(fifo)
    job = client.start("exec", "--supervise", f"--file={memory}/v={secret}#value", "--", "sh", "-c", f"cat {fifo} > /dev/null")
    try:
        wait_until(lambda: (memory / "v").exists(), "the file")
        client.put("open/changing", value="second")
        wait_until(lambda: (memory / "v").read_text() == "second", "the file anew", seconds=100)
    finally:
        fifo.write_text("go")
    assert job.wait(30) == 0 and list(memory.iterdir()) == []
    lines = [json.loads(line) for line in client.mount.bao.audit().splitlines()]
    asked = [line["request"]["path"] for line in lines if line["type"] == "response" and not line.get("error")]
    assert asked.count(f"auth/{client.mount.path}/login") == 2 and "auth/token/renew-self" in asked
