"""Each call of arv-vault that can fail does so, in turn: its command runs with all of its secrets, or does not run."""

from __future__ import annotations

import os
import random

import pytest

from client import SECRET
from torture import Failing

TURNS = 100  # of the calls there are, evenly from a random one; all with VPA_TORTURE=all
STATUSES = {0, 66, 69, 70, 74, 75, 77, 78, 126, 127}


@pytest.mark.plain_build
@pytest.mark.parametrize("supervise", [False, True], ids=["becomes", "supervises"])
def test_whatever_fails_it_is_all_or_nothing(client, memory, tmp_path, supervise):
    path = client.put("open/db", password=SECRET, user="ann")
    (client.home / "conf.yaml.in").write_text("pw: ${vault:%s#password}\n" % path)
    failing = Failing(tmp_path)
    client.env = {**failing.env, "FAILING_ONLY": "arv-vault", "BAO_CLIENT_TIMEOUT": "3s", "BAO_MAX_RETRIES": "0"}
    check = f'test "$PW" = {SECRET} && test "$(cat {memory}/pw)" = {SECRET} && grep -q {SECRET} {memory}/conf && echo RIGHT'
    words = ["exec", *(["--supervise"] if supervise else []), f"--env=PW={path}#password", f"--file={memory}/pw={path}#password",
             f"--template={memory}/conf={client.home}/conf.yaml.in", "--", "/bin/sh", "-c", check]

    def turn(nth: int) -> tuple[int, str]:
        for left in memory.iterdir():
            left.unlink()
        failing.arm(nth)
        done = client.run(*words)
        n_calls, symbol = failing.disarm()
        assert SECRET not in done.stderr and SECRET not in done.stdout, (nth, symbol)
        assert done.returncode in STATUSES, (nth, symbol, done)
        assert done.stdout == ("RIGHT\n" if done.returncode == 0 else ""), (nth, symbol, done)
        if done.returncode != 0:
            assert done.stderr, (nth, symbol)
        for left in memory.iterdir():
            assert left.read_text() in (SECRET, f'pw: "{SECRET}"\n'), (nth, symbol)
            assert left.stat().st_mode & 0o777 == 0o600
            assert done.returncode == 0, (nth, symbol, left)  # a failure that was told cleaned up
        return n_calls, symbol

    n_calls, _ = turn(0)
    assert n_calls > 500
    step = 1 if os.environ.get("VPA_TORTURE") == "all" else max(1, n_calls // TURNS)
    failed = {turn(nth)[1] for nth in range(1 + random.randrange(step), n_calls + 1, step)}
    assert {"malloc", "calloc"} <= failed
