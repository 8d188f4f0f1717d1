"""The two answer shapes: raw Rails, and what the Go router makes of it (notes 0)."""

from __future__ import annotations

import http
import json
import secrets
import time
from typing import Any, Callable

from .errors import ApiError, BareError, ControllerError
from .models import CONSTRAINTS, GO_KEEPS_NULL, MODELS, MOUNT, Model

BY_KIND: dict[str, Model] = {model.kind: model for model in MODELS}

# Go's encoder writes these so in every string.
_GO_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}

# On the wire Go says "Unprocessable Entity"; in a quoted upstream status line it is Rails' newer name.
UPSTREAM_REASON = {422: "Unprocessable Content"}


def reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Status"


# -- encoding ----------------------------------------------------------------


def encode_rails(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def encode_go(body: Any) -> bytes:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for char, escape in _GO_ESCAPES.items():
        text = text.replace(char, escape)
    return text.encode() + b"\n"


# -- errors ------------------------------------------------------------------


def rails_error(error: ApiError, request_id: str) -> dict[str, Any]:
    if isinstance(error, BareError):
        return {"errors": error.messages}
    messages = [f"{text} ({request_id})" for text in error.messages]
    return {"errors": messages, "error_token": f"{int(time.time())}+{secrets.token_hex(4)}"}


def go_error(error: ApiError, request_id: str, upstream: str) -> dict[str, Any]:
    """The upstream's messages behind its URL and status line; no error_token."""
    if isinstance(error, ControllerError):
        return {"errors": error.messages}
    line = f"{error.status} {UPSTREAM_REASON.get(error.status, reason(error.status))}"
    messages = "; ".join(f"{text} ({request_id})" for text in error.messages)
    return {"errors": [f"{upstream}: {line}: {messages}"]}


# -- records -----------------------------------------------------------------


def _go_value(name: str, kind: str, value: Any) -> Any:
    """A null string becomes "" but for a short list; an empty time stays null."""
    if value is None and kind == "string" and name not in GO_KEEPS_NULL:
        return ""
    return value


def _go_request(body: dict[str, Any]) -> dict[str, Any]:
    """Container requests pass through Go structs that know all fields of a mount."""
    if isinstance(body.get("mounts"), dict):
        body["mounts"] = {path: {**MOUNT, **mount} for path, mount in body["mounts"].items()}
    if isinstance(body.get("runtime_constraints"), dict):
        body["runtime_constraints"] = {**CONSTRAINTS, **body["runtime_constraints"]}
    if "runtime_token" in body:
        # Never given back, although the raw record holds it.
        body["runtime_token"] = ""
    return body


_GO_SPECIAL: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"arvados#containerRequest": _go_request}


def go_record(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    types = model.types()
    out = {"kind": model.kind, "etag": body.get("etag", "")}
    for name, value in body.items():
        if name in types:
            out[name] = _go_value(name, types[name], value)
    special = _GO_SPECIAL.get(model.kind)
    return dict(sorted((special(out) if special else out).items()))


# Lists carry these on top of items and kind; the last only if it was counted.
_LIST_EXTRAS = ("items_available", "limit", "offset")


def go_list(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"kind": body["kind"], "items": [go_record(model, item) for item in body["items"]]}
    out.update({name: body[name] for name in _LIST_EXTRAS if name in body})
    if model.resource == "groups":
        out["included"] = []
    return dict(sorted(out.items()))


def to_go(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    return go_list(model, body) if "items" in body else go_record(model, body)
