"""The Rails API: routing, login, scopes, and the raw answers.

The controller calls `run` for what it re-encodes and `proxy` for what it
passes on unchanged.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from . import discovery, shapes
from .context import Context, Route
from .errors import ApiError, forbidden, not_found, not_logged_in
from .messages import Params, Reply, Request
from .permissions import Permissions
from .resources import ROUTES
from .store import Store
from .tokens import Authenticator, Identity, scopes_allow

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

_CURRENT_TOKEN = "/arvados/v1/api_client_authorizations/current"

# Where a token salted for `remote` is accepted, for GET only (1.3).
_REMOTE_PATHS = ("/arvados/v1/users/current", _CURRENT_TOKEN, "/arvados/v1/groups")


@dataclass
class RailsRequest:
    method: str
    path: str
    params: Params
    candidates: list[str]
    readers: list[str] = field(default_factory=list)
    request_id: str = ""
    accept: str | None = None
    database_down: bool = False


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


class Rails:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.permissions = Permissions(store)
        self.base_url = ""
        self._authenticator = Authenticator(store)
        self._routes = [(_pattern(route.path), route) for route in ROUTES + [self._discovery_route()]]

    def _discovery_route(self) -> Route:
        return Route("GET", discovery.PATH, lambda ctx: discovery.document(ctx.store, ctx.base_url), login=False)

    # -- one call ------------------------------------------------------------

    def run(self, request: RailsRequest) -> Any:
        """The body of the answer, or an ApiError."""
        with self.store.lock:
            route, args = self._find_route(request)
            ctx = self._context(request)
            if route.login:
                self._check_login(ctx, request)
            return route.handler(ctx, **args)

    def admit(self, request: RailsRequest) -> None:
        """What every route asks before it does anything: a login, and scopes that allow the call."""
        with self.store.lock:
            self._check_login(self._context(request), request)

    def log_out(self, tokens: list[str]) -> None:
        with self.store.lock:
            for text in tokens:
                self._authenticator.expire(text)

    def _find_route(self, request: RailsRequest) -> tuple[Route, dict[str, str]]:
        path = re.sub(r"(\.json)?/?$", "", request.path)
        method = {"HEAD": "GET", "PATCH": "PUT"}.get(request.method, request.method)
        for pattern, route in self._routes:
            found = pattern.fullmatch(path) if route.method == method else None
            if found:
                return route, found.groupdict()
        raise not_found()

    def _context(self, request: RailsRequest) -> Context:
        ctx = Context(self.store, self.permissions, dict(request.params), request.request_id, self.base_url)
        if request.method in ("GET", "HEAD") and request.path in _REMOTE_PATHS:
            ctx.remote = request.params.get("remote") or None
        ctx.identity = self._identify(request, ctx.remote)
        return ctx

    def _identify(self, request: RailsRequest, remote: str | None) -> Identity | None:
        if request.database_down:
            # Rails swallows the error when it looks the token up (13.5).
            return None
        readers = request.readers if request.method in ("GET", "HEAD") else []
        return self._authenticator.identify(request.candidates + readers, remote)

    def _check_login(self, ctx: Context, request: RailsRequest) -> None:
        if ctx.identity is None:
            raise not_logged_in()
        if request.method == "GET" and request.path == _CURRENT_TOKEN:
            return
        if not scopes_allow(ctx.token["scopes"], request.method, request.path):
            raise forbidden()

    # -- raw answers ---------------------------------------------------------

    def proxy(self, request: RailsRequest) -> Reply:
        if not _acceptable(request.accept):
            return Reply(406, b"", [("Content-Type", HTML)])
        try:
            body = self.run(request)
        except ApiError as error:
            return self._refusal(request, error)
        if body is None:
            return Reply(204)
        return Reply(200, shapes.encode_rails(body), [("Content-Type", JSON)])

    def _refusal(self, request: RailsRequest, error: ApiError) -> Reply:
        if error.status == 401 and _prefers_html(request.accept):
            return Reply(302, b"", [("Content-Type", HTML), ("Location", f"{self.base_url}/login")])
        body = shapes.encode_rails(shapes.rails_error(error, request.request_id))
        return Reply(error.status, body, [("Content-Type", JSON)])


def _acceptable(accept: str | None) -> bool:
    """An Accept header that cannot be parsed gets 406 (13.14)."""
    return accept is None or all("/" in part for part in accept.split(","))


def _prefers_html(accept: str | None) -> bool:
    return (accept or "").split(",")[0].split(";")[0].strip() == "text/html"


def raw_request(request: Request, request_id: str) -> RailsRequest:
    """What Rails makes of a request that the controller passes on unchanged."""
    form = {k: v for k, v in request.form_params().items() if k != "_method"}
    params: Params = {**request.query_params(), **form, **_json_body(request)}
    given = [params.get(name) for name in ("api_token", "oauth_token")]
    candidates = [text for text in [*given, request.token()] if isinstance(text, str) and text]
    return RailsRequest(
        method=request.effective_method(),
        path=request.path,
        params=params,
        candidates=candidates,
        readers=_reader_tokens(params.get("reader_tokens")),
        request_id=request_id,
        accept=request.header("Accept"),
        database_down=request.database_down,
    )


def _json_body(request: Request) -> Params:
    if request.is_form() or not request.body:
        return {}
    try:
        parsed = json.loads(request.body)
    except ValueError:
        raise ApiError(400, "Error parsing request body") from None
    return parsed if isinstance(parsed, dict) else {}


def _reader_tokens(value: Any) -> list[str]:
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    return [text for text in parsed if isinstance(text, str)] if isinstance(parsed, list) else []
