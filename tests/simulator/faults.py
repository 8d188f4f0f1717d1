"""Faults on demand: what a test can make go wrong for which request.

An action may touch any of five moments: mark the request, wait before it is
answered, replace the reply, change the reply, or change how it is sent.
"""

from __future__ import annotations

import fnmatch
import gzip
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol, Union

from .messages import Reply, Request
from .shapes import reason

JSON = "application/json"
_POLL_SECONDS = 0.05


class CutConnection(Exception):
    """The connection is closed at once, whatever was sent so far, with no farewell in TLS."""


class Wire(Protocol):
    """The server's side of one connection."""

    def send(self, data: bytes) -> None: ...

    def wait(self, seconds: float) -> None:
        """Sleeps, but no longer than the server runs."""

    def hang(self) -> None:
        """Waits until released or stopped."""

    def stopping(self) -> bool: ...

    def reset(self) -> None:
        """Makes the end of the connection a TCP reset."""


@dataclass(frozen=True)
class Action:
    name: str
    mark: Callable[[Request], None] | None = None
    before: Callable[[Wire], None] | None = None
    replace: Callable[[Request], Reply] | None = None
    change: Callable[[Reply], Reply] | None = None
    send: Callable[[Wire, Reply], None] | None = None


_MOMENTS = ("mark", "before", "replace", "change", "send")

# -- actions -----------------------------------------------------------------


def reply(status: int, body: Any = b"", content_type: str | None = None, **headers: str) -> Action:
    """A ready answer: bytes or text as they are, anything else as JSON. `Retry_After="1"` adds a header."""
    given = content_type or (None if body in (b"", "") else JSON)
    encoded = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
    extra += [("Content-Type", given)] if given else []
    return Action(f"reply {status}", replace=lambda request: Reply(status, encoded, list(extra)))


def html(status: int) -> Action:
    """What a proxy in front says: HTML, not JSON."""
    page = f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>\r\n"
    return reply(status, page, "text/html")


def error(status: int, message: str) -> Action:
    return reply(status, {"errors": [message]})


def overload() -> Action:
    """The controller's own: 503, empty, no Content-Type and no Retry-After (13.6)."""
    return reply(503)


def redirect(url: str, status: int = 302) -> Action:
    return reply(status, Location=url)


def delay(seconds: float) -> Action:
    """The right answer, later."""
    return Action(f"delay {seconds} s", before=lambda wire: wire.wait(seconds))


def hang() -> Action:
    """No answer until `faults.release()`; then the right one."""
    return Action("hang", before=lambda wire: wire.hang())


def cut(reset: bool = False) -> Action:
    """The connection closes before a byte of the answer."""

    def before(wire: Wire) -> None:
        if reset:
            wire.reset()
        raise CutConnection

    return Action("cut", before=before)


def cut_body(keep: int = 10) -> Action:
    """The connection closes in the body, after `keep` bytes of it."""

    def send(wire: Wire, answer: Reply) -> None:
        wire.send(head_of(answer, [("Content-Length", str(len(answer.body)))]) + answer.body[:keep])
        raise CutConnection

    return Action("cut in the body", send=send)


def oversized(size: int) -> Action:
    """The right answer, blown up by white space to `size` bytes: valid JSON, too long."""
    return Action(
        f"{size} bytes", change=lambda answer: _with_body(answer, answer.body.rstrip().ljust(size, b" "))
    )


def endless(limit: int = 64 << 20, piece: int = 16384) -> Action:
    """Chunks without end: until the client closes, or `limit` bytes went out."""

    def send(wire: Wire, answer: Reply) -> None:
        wire.send(head_of(answer, [("Transfer-Encoding", "chunked")]))
        chunk = f"{piece:x}\r\n".encode() + b" " * piece + b"\r\n"
        for _ in range(limit // piece):
            if wire.stopping():
                break
            wire.send(chunk)
        raise CutConnection

    return Action("endless body", send=send)


def drip(seconds: float, piece: int = 1) -> Action:
    """The right answer, so many bytes at a time with a pause after each."""

    def send(wire: Wire, answer: Reply) -> None:
        wire.send(head_of(answer, [("Content-Length", str(len(answer.body)))]))
        for start in range(0, len(answer.body), piece):
            wire.send(answer.body[start : start + piece])
            wire.wait(seconds)

    return Action("drip", send=send)


def close_delimited() -> Action:
    """No length at all: the end of the connection is the end of the body."""

    def send(wire: Wire, answer: Reply) -> None:
        # The server closes in good order after a reply that says so.
        answer.set_header("Connection", "close")
        wire.send(head_of(answer, []) + answer.body)

    return Action("close-delimited body", send=send)


def body(data: bytes) -> Action:
    """The right status and headers around another body."""
    return Action("other body", change=lambda answer: _with_body(answer, data))


def invalid_json() -> Action:
    """The right answer without its last closing bracket."""
    return Action("invalid JSON", change=lambda answer: _with_body(answer, answer.body.rstrip()[:-1]))


def duplicate_keys(key: str, value: Any) -> Action:
    """The right answer with `key` standing in front once more, with another value."""
    first = f"{json.dumps(key)}:{json.dumps(value)},".encode()
    return Action(
        f"duplicate key {key}", change=lambda answer: _with_body(answer, answer.body.replace(b"{", b"{" + first, 1))
    )


def content_type(value: str | None) -> Action:
    def change(answer: Reply) -> Reply:
        answer.headers = [(k, v) for k, v in answer.headers if k.lower() != "content-type"]
        answer.headers += [("Content-Type", value)] if value is not None else []
        return answer

    return Action(f"Content-Type {value}", change=change)


def gzipped(really: bool = True) -> Action:
    """Content-Encoding gzip that nobody asked for; `really=False` only claims it."""

    def change(answer: Reply) -> Reply:
        answer.set_header("Content-Encoding", "gzip")
        return _with_body(answer, gzip.compress(answer.body)) if really else answer

    return Action("gzip", change=change)


def mutate(function: Callable[[Any], Any]) -> Action:
    """`function` gets the decoded body and returns another, or changes it in place and returns None."""

    def change(answer: Reply) -> Reply:
        decoded = json.loads(answer.body)
        result = function(decoded)
        return _with_body(answer, json.dumps(decoded if result is None else result).encode())

    return Action("mutate", change=change)


def status(code: int) -> Action:
    """The right body under another status."""

    def change(answer: Reply) -> Reply:
        answer.status = code
        return answer

    return Action(f"status {code}", change=change)


def database_down() -> Action:
    """401 for every token, good ones too (13.5)."""
    return Action("database down", mark=lambda request: setattr(request, "database_down", True))


def rails_down() -> Action:
    """The controller alone: 502 on raw paths, 500 on its own (13.6)."""
    return Action("Rails down", mark=lambda request: setattr(request, "rails_down", True))


def both(first: Action, second: Action) -> Action:
    """Two actions that touch different moments, e.g. a delay and then a 503."""
    moments = {name: getattr(second, name) or getattr(first, name) for name in _MOMENTS}
    return Action(f"{first.name}, {second.name}", **moments)


def _with_body(answer: Reply, data: bytes) -> Reply:
    answer.body = data
    return answer


def head_of(answer: Reply, framing: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {reason(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers + framing]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


# -- which request -------------------------------------------------------------

Match = Union[None, str, dict[str, str], Callable[[Request], bool]]


def _matcher(match: Match, token_uuid: Callable[[Request], str | None]) -> Callable[[Request], bool]:
    """None is everything, a string is a path glob with an optional method in front."""
    if callable(match):
        return match
    if isinstance(match, str):
        method, _, path = match.rpartition(" ")
        match = {"path": path, **({"method": method} if method else {})}
    wanted = match or {}
    unknown = wanted.keys() - {"method", "path", "token_uuid", "query"}
    if unknown:
        raise ValueError(f"a fault cannot match on {sorted(unknown)}")

    def fits(request: Request) -> bool:
        have = {"method": request.method, "path": request.path, "query": request.query}
        have["token_uuid"] = (token_uuid(request) or "") if "token_uuid" in wanted else ""
        return all(fnmatch.fnmatchcase(have[name], glob) for name, glob in wanted.items())

    return fits


@dataclass(eq=False)
class Fault:
    """One entry of the list; use as a context manager to have it removed again."""

    fits: Callable[[Request], bool]
    action: Action
    left: int | None
    owner: "Faults"
    skip: int = 0
    used: int = 0

    def remove(self) -> None:
        self.owner.drop(self)

    def __enter__(self) -> "Fault":
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


@dataclass
class Faults:
    token_uuid: Callable[[Request], str | None]
    _list: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _released: threading.Condition = field(default_factory=threading.Condition)
    _releases: int = 0

    def add(self, match: Match = None, action: Action | None = None, times: int | None = 1, skip: int = 0) -> Fault:
        """`times=None`: until removed. `skip`: let so many matching requests pass first."""
        if action is None:
            raise ValueError("which action?")
        fault = Fault(_matcher(match, self.token_uuid), action, times, self, skip)
        with self._lock:
            self._list.append(fault)
        return fault

    def drop(self, fault: Fault) -> None:
        with self._lock:
            if fault in self._list:
                self._list.remove(fault)

    def clear(self) -> None:
        with self._lock:
            self._list.clear()
        self.release()

    def release(self) -> None:
        """Lets go of every request that hangs."""
        with self._released:
            self._releases += 1
            self._released.notify_all()

    def wait_released(self, stopping: Callable[[], bool]) -> None:
        """Until the next release, or until the server stops."""
        with self._released:
            before = self._releases
            while self._releases == before and not stopping():
                self._released.wait(_POLL_SECONDS)

    def pick(self, request: Request) -> Action | None:
        """The first fault in the list that fits and is not used up."""
        with self._lock:
            for fault in self._list:
                if not fault.fits(request):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Action:
        fault.used += 1
        if fault.left is not None:
            fault.left -= 1
            if fault.left == 0:
                self._list.remove(fault)
        return fault.action
