"""The real code behind its pipe: plays host and passes the questions to Arvados on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path


class Ended(AssertionError):
    """The program ended in the midst of a request."""


class Inside:
    def __init__(self, env: dict[str, str] | None = None) -> None:
        program = Path(os.environ["VPA_BUILD"]) / "bin" / "auth-on-a-pipe"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(env or {})})

    def __enter__(self) -> "Inside":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is Ended:
            return
        self.process.stdin.close()
        self.process.stdout.close()
        status = self.process.wait()
        assert status == 0, f"auth-on-a-pipe ended with {status}"

    def _send(self, command: dict) -> None:
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def new_mount(self) -> None:
        self._send({"new": True})

    def set_time(self, now: int) -> None:
        self._send({"now": now})

    def call(self, cluster, operation: str, path: str = "", **rest) -> dict:
        """One request; `cluster` answers what the plugin asks meanwhile."""
        self._send({"operation": operation, "path": path, **rest})
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise Ended(f"auth-on-a-pipe ended with {self.process.wait()}")
            word, _, told = line[:-1].partition(b" ")
            if word == b"done":
                return json.loads(told)
            assert word == b"ask", line
            target, _, bearer = told.decode().partition(" ")
            status, body = cluster.answer(target, bearer)
            self.process.stdin.write(b"%d %d\n" % (status, len(body)) + body)
            self.process.stdin.flush()
