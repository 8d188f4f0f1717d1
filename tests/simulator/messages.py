"""A request as it came in and a reply as it goes out."""

from __future__ import annotations

import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

FORM = "application/x-www-form-urlencoded"


@dataclass
class Request:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    time: float = field(default_factory=time.time)
    # Set by faults: parts of the simulated cluster that are out of order for this request.
    database_down: bool = False
    rails_down: bool = False

    @property
    def path(self) -> str:
        return self.target.split("?", 1)[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def is_form(self) -> bool:
        return (self.header("Content-Type") or "").split(";")[0].strip().lower() == FORM

    def query_params(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    def form_params(self) -> dict[str, str]:
        if not self.is_form():
            return {}
        return dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def token(self) -> str | None:
        """The token in the Authorization header; schemes are case-sensitive (13.13)."""
        scheme, _, rest = (self.header("Authorization") or "").partition(" ")
        return rest.strip() if scheme in ("Bearer", "OAuth2") else None

    def effective_method(self) -> str:
        """POST may stand for another method, in a header or a form field, not in JSON (13.24)."""
        if self.method != "POST":
            return self.method
        override = self.header("X-Http-Method-Override") or self.form_params().get("_method")
        return (override or "POST").upper()


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    # Go's server chunks what is larger than its buffer.
    chunked: bool = False
    # Made by Rails and passed on: X-Request-Id stands twice in the head (13.36).
    proxied: bool = False
    # An answer to HEAD keeps the length and loses the body.
    head: bool = False

    def header(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def set_header(self, name: str, value: str) -> None:
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()] + [(name, value)]


Params = dict[str, Any]
