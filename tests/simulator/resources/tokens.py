"""api_client_authorizations: the tokens as records (notes 3.2, 8, 13.31-34)."""

from __future__ import annotations

from typing import Any

from ..context import Body, Context, Route
from ..errors import ApiError, not_found, permission_denied
from ..models import TOKEN, USER
from ..store import Row, base36, format_time, parse_time

# Any other filter on this list is silently dropped (13.32).
_FILTERABLE = {"uuid", "api_token", "scopes"}


def current(ctx: Context) -> Body:
    """Works whatever the scopes; created_at is always null here (13.16)."""
    row = {**ctx.token, "created_at": None}
    if ctx.remote:
        # A remote cluster may learn who it is, never the secret (1.3).
        row["api_token"] = None
    return ctx.view(TOKEN, row, ctx.select(TOKEN))


def _own(ctx: Context) -> list[Row]:
    """One's own tokens, admin or not; only the system user sees all (8, Trap)."""
    everything = ctx.user["uuid"] == ctx.store.system_user
    return [row for row in ctx.store.rows(TOKEN) if everything or row["owner_uuid"] == ctx.user["uuid"]]


def _find(ctx: Context, uuid: str) -> Row:
    row = next((token for token in _own(ctx) if token["uuid"] == uuid), None)
    if row is None:
        raise not_found()
    return row


def index(ctx: Context) -> Body:
    filters = ctx.json_param("filters")
    ctx.params["filters"] = [item for item in filters or [] if _kept(item)]
    body = ctx.list_of(TOKEN, _own(ctx), order=("created_at desc", "uuid desc"))
    return {"kind": body["kind"], "items": body["items"]}


def _kept(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 3 and item[0] in _FILTERABLE and item[1] == "="


def show(ctx: Context, uuid: str) -> Body:
    return ctx.view(TOKEN, _find(ctx, uuid), ctx.select(TOKEN))


def _expiry(value: Any) -> str | None:
    """What cannot be read becomes null: a token that never expires (13.33)."""
    moment = parse_time(value)
    return None if moment is None else format_time(moment)


def _check_scopes(scopes: Any) -> None:
    if isinstance(scopes, str):
        raise ApiError(422, "#<Oj::ParseError: unexpected character (after ) at line 1, column 1 [parse.c:762]>")


def _check_unused(ctx: Context, secret: Any) -> None:
    """The index is over all rows, those of expired tokens too."""
    if secret and any(row["api_token"] == secret for row in ctx.store.rows(TOKEN)):
        raise ApiError(
            422,
            '#<ActiveRecord::RecordNotUnique:"PG::UniqueViolation: ERROR:  duplicate key value violates unique constraint'
            ' \\"index_api_client_authorizations_on_api_token\\"\\n'
            f'DETAIL:  Key (api_token)=({secret}) already exists.\\n">',
        )


def create(ctx: Context) -> Body:
    attrs = ctx.attributes(TOKEN)
    owner = attrs.get("owner_uuid") or ctx.user["uuid"]
    if owner != ctx.user["uuid"] and not ctx.is_admin:
        raise permission_denied()
    if ctx.store.get(owner, USER) is None:
        raise ApiError(403, "Owner uuid cannot be nil")
    scopes = attrs.get("scopes")
    _check_scopes(scopes)
    _check_unused(ctx, attrs.get("api_token"))
    row = ctx.store.new_token(
        owner,
        ["all"] if scopes is None else scopes,
        api_token=attrs.get("api_token") or base36(50),
        expires_at=_expiry(attrs.get("expires_at")),
    )
    return ctx.view(TOKEN, row)


def update(ctx: Context, uuid: str) -> Body:
    row = _find(ctx, uuid)
    attrs = ctx.attributes(TOKEN)
    changes: Row = {name: attrs[name] for name in ("scopes", "api_token") if name in attrs}
    if "expires_at" in attrs:
        changes["expires_at"] = _expiry(attrs["expires_at"])
    # Tokens carry no trace of who changed them.
    ctx.store.update(row, changes, None)
    return ctx.view(TOKEN, row)


def destroy(ctx: Context, uuid: str) -> Body:
    row = _find(ctx, uuid)
    ctx.store.delete(uuid)
    return ctx.view(TOKEN, row)


ROUTES = [
    Route("GET", "/arvados/v1/api_client_authorizations", index),
    Route("POST", "/arvados/v1/api_client_authorizations", create),
    Route("GET", "/arvados/v1/api_client_authorizations/current", current),
    Route("GET", "/arvados/v1/api_client_authorizations/{uuid}", show),
    Route("PUT", "/arvados/v1/api_client_authorizations/{uuid}", update),
    Route("DELETE", "/arvados/v1/api_client_authorizations/{uuid}", destroy),
]
