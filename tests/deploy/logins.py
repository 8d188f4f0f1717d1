"""Jobs that log in at the nodes of a cluster all the time, each by itself, and what became of each."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

import requests


@dataclass(frozen=True)
class Attempt:
    """One login. `status` 0: no answer. Times are of the monotonic clock."""

    url: str
    started: float
    ended: float
    status: int
    policies: tuple[str, ...] = ()
    text: str = ""


def log_in(url: str, ca: str, token: str, seconds: float = 30) -> Attempt:
    """A connection of its own, as each job has."""
    started = time.monotonic()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{url}/v1/auth/arvados/login", data=json.dumps({"token": token}), verify=ca, timeout=seconds)
    except requests.exceptions.RequestException as failure:
        return Attempt(url, started, time.monotonic(), 0, text=type(failure).__name__)
    ended = time.monotonic()
    if answer.status_code != 200:
        return Attempt(url, started, ended, answer.status_code, text=answer.text)
    return Attempt(url, started, ended, 200, tuple(answer.json()["auth"]["policies"]))


class Load:
    """A client for each node; each waits a little between two logins, to stay below the quota."""

    def __init__(self, urls: list[str], ca: str, token: str, pause: float = 0.25):
        self.urls, self.ca, self.token, self.pause = urls, ca, token, pause
        self.attempts: list[Attempt] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(url,)) for url in urls]

    def _run(self, url: str) -> None:
        while not self._stop.is_set():
            self.attempts.append(log_in(url, self.ca, self.token))
            self._stop.wait(self.pause)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def failed(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.status != 200]

    def succeeded_since(self, moment: float, url: str) -> bool:
        return any(attempt.status == 200 and attempt.url == url and attempt.started > moment for attempt in list(self.attempts))
