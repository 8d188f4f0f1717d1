"""The controller: its own router for some paths, a proxy to Rails for the rest.

`//` is redirected, known resources go through the Go router (which calls
Rails and re-encodes), everything else reaches Rails unchanged (notes 0).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

from . import discovery, exported_config, fixtures, query, shapes
from .errors import ApiError, ControllerError
from .messages import Params, Reply, Request
from .models import BY_RESOURCE, Model
from .rails import Rails, RailsRequest, raw_request
from .store import base36

GO_JSON = "application/json"
_LOGOUT = "/logout"
# Above this Go's server no longer knows the length in advance.
_GO_BUFFER = 2048

_GO_RESOURCES = ("users", "groups", "links", "container_requests", "api_client_authorizations")

# Answered by the controller although the simulator has none of it; of the records, only whether this token may ask for them.
_RECORDS = "collections|authorized_keys"
_UNSERVED = f"{_RECORDS}|vocabulary|connect"

_CORS = [
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Range, X-Http-Method-Override"),
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, PROPFIND, PUT, POST, PATCH, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Max-Age", "86486400"),
]


@dataclass(frozen=True)
class GoRoute:
    """`rails` is the method used upstream: scopes are checked against that (1.5)."""

    methods: tuple[str, ...]
    path: str
    operation: str
    rails: str


_CRUD = [
    GoRoute(("GET",), "", "list", "GET"),
    GoRoute(("POST",), "", "create", "POST"),
    GoRoute(("GET",), "/{uuid}", "get", "GET"),
    GoRoute(("PUT", "PATCH"), "/{uuid}", "update", "PATCH"),
    GoRoute(("DELETE",), "/{uuid}", "delete", "DELETE"),
]

_EXTRA: dict[str, list[GoRoute]] = {
    "users": [
        GoRoute(("GET",), "/current", "get", "GET"),
        GoRoute(("GET",), "/system", "get", "GET"),
        GoRoute(("POST",), "/{uuid}/activate", "act", "POST"),
        GoRoute(("POST",), "/{uuid}/unsetup", "act", "POST"),
    ],
    "groups": [
        GoRoute(("GET",), "/shared", "list", "GET"),
        GoRoute(("POST",), "/{uuid}/trash", "act", "POST"),
        GoRoute(("POST",), "/{uuid}/untrash", "act", "POST"),
    ],
    "api_client_authorizations": [
        GoRoute(("GET",), "/current", "get", "GET"),
        # PATCH on a token is 405 (8).
        GoRoute(("PUT",), "/{uuid}", "update", "PUT"),
    ],
}


def _routes() -> list[tuple[re.Pattern[str], GoRoute, Model]]:
    table = []
    for resource in _GO_RESOURCES:
        extra = _EXTRA.get(resource, [])
        crud = [r for r in _CRUD if not any(e.operation == r.operation == "update" for e in extra)]
        for route in extra + crud:
            path = re.sub(r"\{uuid\}", "[^/]+", f"/arvados/v1/{resource}{route.path}")
            table.append((re.compile(path), route, BY_RESOURCE[resource]))
    return table


_GO_TYPES = {str: "string", list: "[]interface {}", float: "float64", int: "float64", bool: "bool"}


class Controller:
    def __init__(self, rails: Rails) -> None:
        self.rails = rails
        self.cluster_id = rails.store.cluster_id
        self._table = _routes()
        self._mine = re.compile(rf"/arvados/v1/({'|'.join(_GO_RESOURCES)}|{_UNSERVED})(/.*)?")

    def handle(self, request: Request) -> Reply:
        request_id = request.header("X-Request-Id") or f"req-{base36(20)}"
        reply = self._route(request, request_id)
        if request.method == "HEAD":
            # Go knows the length of what it leaves out, the proxy does not.
            reply.head = True
            reply.body = b"" if reply.proxied else reply.body
        reply.headers += [("X-Request-Id", request_id)] * (2 if reply.proxied else 1)
        reply.headers += _CORS
        return reply

    def _route(self, request: Request, request_id: str) -> Reply:
        if request.method == "OPTIONS":
            return Reply(200)
        if "//" in request.path:
            return _slash_redirect(request)
        if request.path.startswith("/_health/"):
            return _health(request)
        try:
            if request.path == exported_config.PATH:
                return self._go_json(200, exported_config.document(self.cluster_id, self.rails.base_url))
            if request.path == _LOGOUT:
                return self._logout(request)
            if self._mine.fullmatch(request.path):
                return self._go(request, request_id)
            return self._raw(request, request_id)
        except ControllerError as error:
            return self._go_json(error.status, {"errors": error.messages})

    def _logout(self, request: Request) -> Reply:
        """Whatever came with the request, or nothing: the answer is the same redirect (minting)."""
        if request.effective_method() not in ("GET", "HEAD"):
            raise ControllerError(405, "API endpoint not found")
        if request.database_down:
            # Not recorded; the controller itself writes to the database here.
            raise ControllerError(500, "could not expire token on logout")
        self.rails.log_out(_go_tokens(request)[:1])
        return Reply(302, b"", [("Location", f"{self.rails.base_url}/")])

    # -- proxy ---------------------------------------------------------------

    def _raw(self, request: Request, request_id: str) -> Reply:
        cached = request.path == discovery.PATH
        if request.rails_down and not cached:
            url = f"http://127.0.0.1:19100/{request.target.lstrip('/')}"
            raise ControllerError(502, f'Get "{url}": dial tcp 127.0.0.1:19100: connect: connection refused')
        self._check_container_path(request.path)
        _check_container_filters(request)
        try:
            reply = self.rails.proxy(raw_request(request, request_id))
        except ApiError as error:
            raise ControllerError(error.status, *error.messages) from None
        # The controller answers discovery from its cache, in pieces (13.5).
        reply.chunked = cached
        reply.proxied = not cached
        return reply

    def _check_container_path(self, path: str) -> None:
        """A container of another cluster is looked for there (13.37)."""
        found = re.match(r"/arvados/v1/containers/([a-z0-9]{5})-dz642-[a-z0-9]{15}(/|$)", path)
        if found and found[1] != self.cluster_id:
            raise ControllerError(404, f"no proxy available for cluster {found[1]}")

    # -- router --------------------------------------------------------------

    def _go(self, request: Request, request_id: str) -> Reply:
        method = request.effective_method()
        if re.fullmatch(rf"/arvados/v1/({_RECORDS})(/.*)?", request.path):
            return self._go_unserved(request, method, request_id)
        route, model = self._find(request.path, method)
        params = _go_params(request, route, model)
        upstream = f"//railsapi.internal{request.path}{self._upstream_query(route, params)}"
        if request.rails_down:
            raise ControllerError(500, _gave_up(method, upstream))
        if route.operation == "list":
            self._check_list(params)
        tokens = _go_tokens(request)
        call = RailsRequest(
            method=route.rails,
            path=request.path,
            params=params,
            candidates=tokens[:1],
            readers=tokens[1:],
            request_id=request_id,
            database_down=request.database_down,
        )
        try:
            return self._go_json(200, shapes.to_go(model, self.rails.run(call)))
        except ApiError as error:
            return self._go_json(error.status, shapes.go_error(error, request_id, upstream))

    def _go_unserved(self, request: Request, method: str, request_id: str) -> Reply:
        tokens = _go_tokens(request)
        rails = {"PUT": "PATCH", "HEAD": "GET"}.get(method, method)
        try:
            self.rails.admit(RailsRequest(rails, request.path, {}, tokens[:1], tokens[1:], request_id,
                                          database_down=request.database_down))
        except ApiError as error:
            return self._go_json(error.status, shapes.go_error(error, request_id, f"//railsapi.internal{request.path}"))
        raise ControllerError(404, "API endpoint not found")

    def _find(self, path: str, method: str) -> tuple[GoRoute, Model]:
        known = False
        for pattern, route, model in self._table:
            if pattern.fullmatch(path):
                known = True
                if ("GET" if method == "HEAD" else method) in route.methods:
                    return route, model
        raise ControllerError(405 if known else 404, "API endpoint not found")

    def _upstream_query(self, route: GoRoute, params: Params) -> str:
        """The query the controller sends to Rails, as its error messages quote it."""
        if route.operation == "list":
            sent = {"cluster_id": "", "count": "", "forwarded_for": f"{self.cluster_id}-", "offset": 0, **params}
        elif route.operation == "get":
            sent = params
        else:
            return ""
        pairs = sorted((k, v if isinstance(v, str) else _compact(v)) for k, v in sent.items() if v is not None)
        return "?" + urllib.parse.urlencode(pairs) if pairs else ""

    def _check_list(self, params: Params) -> None:
        """Uuids of other clusters make a federated query (13.37, 1.4)."""
        _check_uuid_filters(params.get("filters"))
        bypass = str(params.get("bypass_federation", "")).lower() == "true"
        foreign = [] if bypass else query.foreign_clusters(params.get("filters"), self.cluster_id)
        if foreign and params.get("count") != "none":
            raise ControllerError(400, 'cannot execute federated list query unless count=="none"')
        if foreign:
            raise ControllerError(404, f"no proxy available for cluster {foreign[0]}")

    def _go_json(self, status: int, body: Any) -> Reply:
        encoded = shapes.encode_go(body)
        headers = [("Content-Type", GO_JSON)]
        if status >= 400:
            headers.append(("X-Content-Type-Options", "nosniff"))
        return Reply(status, encoded, headers, chunked=len(encoded) > _GO_BUFFER)


def _check_container_filters(request: Request) -> None:
    """The controller looks at these for foreign uuids, so it is the one to find them broken (2.2)."""
    text = request.query_params().get("filters")
    if request.path == "/arvados/v1/containers" and text:
        try:
            json.loads(text)
        except ValueError:
            raise ControllerError(400, "filters: invalid JSON") from None


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _gave_up(method: str, upstream: str) -> str:
    return (
        f'{method} {upstream} giving up after 1 attempt(s): {method.capitalize()} "{upstream}":'
        " dial tcp 127.0.0.1:19100: connect: connection refused"
    )


def _slash_redirect(request: Request) -> Reply:
    location = re.sub(r"/+", "/", request.path)
    body = f'<a href="{location}">Temporary Redirect</a>.\n\n' if request.method in ("GET", "HEAD") else ""
    return Reply(307, body.encode(), [("Content-Type", "text/html; charset=utf-8"), ("Location", location)])


def _health(request: Request) -> Reply:
    """Says 200 even while the database is down (13.5)."""
    text = [("Content-Type", "text/plain; charset=utf-8")]
    given = request.header("Authorization")
    if given is None:
        return Reply(401, b"authorization required\n", text)
    if given != f"Bearer {fixtures.MANAGEMENT_TOKEN}":
        return Reply(403, b"authorization error\n", text)
    if request.path != "/_health/ping":
        return Reply(404, b"not found\n", text)
    return Reply(200, b'{"health":"OK"}\n', [("Content-Type", GO_JSON)])


# -- parameters of the Go router -----------------------------------------------


def _go_tokens(request: Request) -> list[str]:
    """Header, Basic password, api_token, cookie; the first leads, the rest become reader tokens."""
    found = [request.token(), _basic_password(request)]
    found += [request.query_params().get("api_token"), request.form_params().get("api_token"), _cookie(request)]
    return [text for text in found if text]


def _basic_password(request: Request) -> str | None:
    scheme, _, rest = (request.header("Authorization") or "").partition(" ")
    if scheme != "Basic":
        return None
    return _decode(rest).partition(":")[2] or None


def _cookie(request: Request) -> str | None:
    found = re.search(r"(?:^|;\s*)arvados_api_token=([^;]+)", request.header("Cookie") or "")
    return _decode(found[1]) if found else None


def _decode(text: str) -> str:
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.urlsafe_b64decode(padded).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


_NUMBERS = ("limit", "offset")
_DROPPED = ("_method", "api_token", "reader_tokens")

# Of a query, only what Go's option structs name survives (1.3: `remote` for get, not for lists).
_KNOWN = {
    "list": {
        "filters", "where", "order", "select", "distinct", "limit", "offset", "count", "cluster_id",
        "bypass_federation", "include_trash", "include",
    },
    "get": {"select", "include_trash", "remote"},
}


def _go_params(request: Request, route: GoRoute, model: Model) -> Params:
    params: Params = {}
    for source in (request.query_params(), request.form_params()):
        params.update({k: _go_param(k, v) for k, v in source.items()})
    params.update(_go_body(request))
    params = {k: v for k, v in params.items() if k not in _DROPPED or not request.is_form() and k == "_method"}
    _check_types(route, model, params)
    if params.get("limit") is not None and query.integer(params["limit"], 0) < 0:
        del params["limit"]
    if route.operation in _KNOWN:
        params = {k: v for k, v in params.items() if k in _KNOWN[route.operation]}
    return params


def _go_param(name: str, text: str) -> Any:
    """A query parameter that looks like JSON must be JSON."""
    if name in _NUMBERS:
        if not re.fullmatch(r"[+-]?\d+", text):
            raise ControllerError(500, f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)
    if text[:1] in "[{" and text:
        try:
            return json.loads(text)
        except ValueError:
            raise ControllerError(500, "unexpected end of JSON input") from None
    return text


def _go_body(request: Request) -> Params:
    if request.is_form() or not request.body.strip():
        return {}
    try:
        parsed = json.loads(request.body)
    except ValueError:
        raise ControllerError(400, "unexpected EOF") from None
    if not isinstance(parsed, dict):
        raise ControllerError(400, "json: cannot unmarshal into Go value of type map[string]interface {}")
    return parsed


def _check_types(route: GoRoute, model: Model, params: Params) -> None:
    filters = params.get("filters")
    if route.operation == "list" and isinstance(filters, (str, dict)) and filters:
        kind = "object" if isinstance(filters, dict) else "string"
        raise ControllerError(
            500,
            f"transcode: json: cannot unmarshal {kind} into Go struct field ListOptions.filters"
            " of type []arvados.Filter",
        )
    attrs = params.get(model.singular, params)
    properties = attrs.get("properties") if isinstance(attrs, dict) else None
    if route.operation in ("create", "update") and type(properties) in _GO_TYPES:
        raise ControllerError(500, f"unexpected properties type {_GO_TYPES[type(properties)]}")


def _check_uuid_filters(filters: Any) -> None:
    """A bare string stands for `[it, "=", true]`; the operand of uuid must be a string (13.35)."""
    for item in filters or []:
        attr, op, operand = (item, "=", True) if isinstance(item, str) else (list(item) + [None] * 3)[:3]
        if attr != "uuid" or op != "=" or isinstance(operand, (str, list, dict, type(None))):
            continue
        kind = "bool" if isinstance(operand, bool) else "float64"
        shown = str(operand).lower()
        raise ControllerError(
            400, f'invalid operand type {kind} for filter {{"uuid" "=" %!q({kind}={shown})}}'
        )
