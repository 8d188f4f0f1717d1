"""What was asked of the simulator, for tests to make assertions about."""

from __future__ import annotations

import fnmatch
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Callable

from .messages import Request

# Anything in a URL that is or announces a token.
_TOKEN_IN_URL = re.compile(r"v[0-9]/[a-z0-9]{5}-gj3su-|(api|oauth|reader)_tokens?=")


@dataclass
class Entry:
    """One request. `status` is None while it is being answered, 0 if it was cut off."""

    time: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    token: str | None
    connection: int
    body: bytes
    status: int | None = None
    duration: float | None = None
    fault: str | None = None

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id")

    def params(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))


@dataclass
class RequestLog:
    secrets: Callable[[], list[str]]
    _entries: list[Entry] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _running: int = 0
    max_concurrency: int = 0
    connections_opened: int = 0
    handshakes_failed: int = 0
    _last_connection: int = 0

    # -- written by the server -----------------------------------------------

    def opened(self) -> int:
        with self._changed:
            self.connections_opened += 1
            self._last_connection += 1
            return self._last_connection

    def handshake_failed(self) -> None:
        with self._changed:
            self.handshakes_failed += 1
            self._changed.notify_all()

    def begin(self, request: Request) -> Entry:
        headers = {key.lower(): value for key, value in request.headers}
        entry = Entry(
            request.time, request.method, request.path, request.query, headers,
            request.token(), request.connection, request.body,
        )
        with self._changed:
            self._entries.append(entry)
            self._running += 1
            self.max_concurrency = max(self.max_concurrency, self._running)
            self._changed.notify_all()
        return entry

    def answered(self, entry: Entry, status: int) -> None:
        """Before a byte is sent, so that whoever has the answer finds its status here."""
        with self._changed:
            entry.status = status

    def end(self, entry: Entry, status: int) -> None:
        with self._changed:
            entry.status = status
            entry.duration = time.time() - entry.time
            self._running -= 1
            self._changed.notify_all()

    # -- read by tests ---------------------------------------------------------

    def entries(self, path: str = "*", method: str | None = None) -> list[Entry]:
        """Requests in order of arrival; `path` is a glob."""
        with self._changed:
            return [e for e in self._entries if _fits(e, path, method)]

    def count(self, path: str = "*", method: str | None = None) -> int:
        return len(self.entries(path, method))

    def wait_for(self, count: int, path: str = "*", method: str | None = None, timeout: float = 10.0) -> list[Entry]:
        """Blocks until so many requests arrived; raises TimeoutError if they don't."""
        with self._changed:
            ready = self._changed.wait_for(
                lambda: sum(_fits(e, path, method) for e in self._entries) >= count, timeout
            )
        if not ready:
            raise TimeoutError(f"{self.count(path, method)} of {count} requests for {path} after {timeout} s")
        return self.entries(path, method)

    def running(self) -> int:
        with self._changed:
            return self._running

    def connections(self) -> int:
        """How many connections carried at least one request."""
        return len({entry.connection for entry in self.entries()})

    def tokens_in_urls(self) -> list[Entry]:
        return [entry for entry in self.entries() if self._tells_token(entry)]

    def _tells_token(self, entry: Entry) -> bool:
        url = urllib.parse.unquote(f"{entry.path}?{entry.query}")
        return _TOKEN_IN_URL.search(url) is not None or any(secret in url for secret in self.secrets())

    def without_request_id(self) -> list[Entry]:
        return [entry for entry in self.entries() if not entry.request_id]

    def clear(self) -> None:
        """Forgets the requests and the counters; running requests are still counted as running."""
        with self._changed:
            self._entries.clear()
            self.max_concurrency = self._running
            self.connections_opened = self.handshakes_failed = 0


def _fits(entry: Entry, path: str, method: str | None) -> bool:
    return fnmatch.fnmatchcase(entry.path, path) and method in (None, entry.method)
