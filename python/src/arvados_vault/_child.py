"""One ``arv-vault serve --stdio`` and the pipes to it.

The child logs in at the first request and keeps its token valid. It ends when its standard input is closed, so it also ends
when this process ends in any way. It runs in a session of its own: a Ctrl-C in the terminal reaches Python only.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import IO, Any, Dict, List, Mapping, Optional, cast

from ._errors import ConfigurationError, InternalError, Unavailable, VaultError, from_status
from ._values import Sealed

_PIECE = 65536

_ending: List[subprocess.Popen[bytes]] = []
"""Children that were told to end and may still revoke their token."""


def _reap() -> None:
    _ending[:] = [process for process in _ending if process.poll() is None]


class _Tokens:
    """Tokens that were given as arguments reach the child through pipes: not through its arguments, environment or a file."""

    def __init__(self, tokens: Mapping[str, Optional[Sealed]]) -> None:
        self.descriptors: List[int] = []
        self.options: List[str] = []
        for option, token in tokens.items():
            if token is None:
                continue
            read_end, write_end = os.pipe()
            self.descriptors.append(read_end)
            self.options.append(f"--{option}=/dev/fd/{read_end}")
            try:
                os.write(write_end, token.reveal().encode()[:4096])
            finally:
                os.close(write_end)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def _parse(line: Sealed, request_id: int) -> Optional[Dict[str, Any]]:
    """None if it is not the answer to that request."""
    try:
        reply = json.loads(line.reveal())
        understood = reply["id"] == request_id and ("error" in reply or isinstance(reply["result"], dict))
    except (ValueError, KeyError, TypeError):
        return None
    return dict(reply) if understood else None


class Child:
    """Used by one thread at a time."""

    def __init__(self, program: str, options: List[str], tokens: Mapping[str, Optional[Sealed]]) -> None:
        _reap()
        self.usable = True  # no request is half done
        self._program = program
        self._next_id = 0
        self._received = bytearray()
        given = _Tokens(tokens)
        try:
            self._process = subprocess.Popen(
                [program, "serve", "--stdio", *options, *given.options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                pass_fds=given.descriptors,
                start_new_session=True,
            )
            fault = None
        except OSError as error:
            fault = error.strerror
        finally:
            given.close()
        if fault is not None:
            raise ConfigurationError(f"{program}: can't be started: {fault}")
        self._stdin = cast(IO[bytes], self._process.stdin).fileno()
        self._stdout = cast(IO[bytes], self._process.stdout).fileno()

    def is_running(self) -> bool:
        return self._process.poll() is None

    # -- one request --

    def ask(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        """The result. Raises what the client says, or `Ended` if it ended without an answer."""
        self._next_id += 1
        self.usable = False
        reply = self._exchange(Sealed({"id": self._next_id, "do": operation, **arguments.reveal()}))
        error = reply.get("error")
        if error is not None:
            raise from_status(int(error["status"]), str(error["reason"]), str(error["message"]))
        result: Dict[str, Any] = reply["result"]
        return result

    def _exchange(self, request: Sealed) -> Dict[str, Any]:
        line = Sealed(self._send(request) and self._receive_line())
        if not line.reveal():
            raise self._ended()
        reply = _parse(line, self._next_id)
        if reply is None:
            raise InternalError(f"{self._program}: its answer can't be used; has it the same version as this package?")
        self.usable = True
        return reply

    def _send(self, request: Sealed) -> bool:
        line = memoryview(json.dumps(request.reveal(), separators=(",", ":"), allow_nan=False).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._stdin, line) :]
        except BrokenPipeError:
            return False
        return True

    def _receive_line(self) -> bytes:
        """Without its line end; empty if the child ended."""
        start = 0
        while True:
            end = self._received.find(b"\n", start)
            if end >= 0:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                return line
            start = len(self._received)
            self._received += os.read(self._stdout, _PIECE)
            if len(self._received) == start:
                return b""

    def _ended(self) -> VaultError:
        self.close(timeout=5)
        status = self._process.returncode
        if status == 64:
            return ConfigurationError(
                f'{self._program}: it has no command "serve", so it is older than this package; update it, or install the wheel'
            )
        if status is not None and status > 0:
            kind = type(from_status(status, "", ""))
            return kind(f"{self._program}: ended with status {status} before it answered; its message is on standard error")
        how = f"was ended by signal {-status}" if status else "ended"
        return Ended(f"{self._program}: {how} before it answered")

    # -- its end --

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def close(self, timeout: float) -> None:
        """Asks it to end, and waits until it has revoked its token, or for `timeout` seconds."""
        self._close_pipes()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            _ending.append(self._process)

    def discard(self) -> None:
        """After an interrupted request nobody knows whose answer comes next: ends it without waiting."""
        self._close_pipes()
        self._process.terminate()
        _ending.append(self._process)

    def __del__(self) -> None:
        if hasattr(self, "_process") and self._process.poll() is None:
            self._close_pipes()
            _ending.append(self._process)

    def forget(self) -> None:
        """In a forked process the child belongs to the parent: only the copies of the pipes are closed."""
        self._close_pipes()
        self._process.returncode = 0  # not ours to wait for


class Ended(Unavailable):
    """The child ended while it was asked."""

    reason = "client_ended"
