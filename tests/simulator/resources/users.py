"""Users: who am I, look-ups, activation and its end (notes 3.1, 13.11)."""

from __future__ import annotations

from typing import Iterator

from ..context import Body, Context, Route, register_virtual
from ..errors import forbidden, invalid, not_found, permission_denied
from ..models import LINK, TOKEN, USER
from ..store import Row

_ALL_USERS = "fffffffffffffff"

# What others than admins see of somebody else.
_PUBLIC = "uuid is_active is_admin is_invited email first_name last_name username can_write can_manage".split()

register_virtual("full_name", lambda ctx, row: f"{row['first_name']} {row['last_name']}".strip())
register_virtual("is_invited", lambda ctx, row: _is_invited(ctx, row))


def _is_invited(ctx: Context, row: Row) -> bool:
    """Active, or a member of All users and so allowed to activate himself."""
    everybody = ctx.store.well_known("j7d0g", _ALL_USERS)
    return bool(row["is_active"]) or ctx.permissions.of(row["uuid"]).get(everybody, 0) > 0


def current(ctx: Context) -> Body:
    return ctx.view(USER, ctx.user, ctx.select(USER))


def system(ctx: Context) -> Body:
    row = ctx.store.get(ctx.store.system_user, USER)
    if row is None:
        raise not_found()
    return ctx.view(USER, row, ctx.select(USER))


def index(ctx: Context) -> Body:
    if ctx.flag("bypass_federation") and not ctx.is_admin:
        raise forbidden()
    body = ctx.list_of(USER, _visible(ctx))
    if not ctx.is_admin:
        keep = {"kind", "etag", *_PUBLIC}
        body["items"] = [{k: v for k, v in item.items() if k in keep} for item in body["items"]]
    return body


def _visible(ctx: Context) -> Iterator[Row]:
    for row in ctx.readable(USER):
        if ctx.is_admin or row["is_active"] or row["uuid"] == ctx.user["uuid"]:
            yield row


def show(ctx: Context, uuid: str) -> Body:
    row = ctx.find(USER, uuid)
    if ctx.is_admin or row["uuid"] == ctx.user["uuid"]:
        return ctx.view(USER, row, ctx.select(USER))
    if not row["is_active"]:
        raise not_found()
    return ctx.view(USER, row, ctx.select(USER) or _PUBLIC)


def create(ctx: Context) -> Body:
    if not ctx.is_admin:
        raise permission_denied()
    attrs = ctx.attributes(USER)
    ctx.check_new_uuid(USER, attrs)
    attrs["owner_uuid"] = ctx.store.system_user
    return ctx.view(USER, ctx.create(USER, attrs))


def update(ctx: Context, uuid: str) -> Body:
    row = ctx.find(USER, uuid)
    attrs = ctx.attributes(USER)
    ctx.check_same_uuid(row, attrs)
    reserved = "is_admin" in attrs or "username" in attrs
    if not ctx.is_admin and (reserved or not ctx.permissions.can_write(ctx.user, row)):
        raise permission_denied()
    if row["is_active"] and attrs.get("is_active") is False:
        raise invalid(
            "Is active cannot be set to false directly, use the 'Deactivate' button on Workbench,"
            " or the 'unsetup' API call"
        )
    ctx.update(row, attrs)
    return ctx.view(USER, row)


def activate(ctx: Context, uuid: str) -> Body:
    row = ctx.find(USER, uuid)
    if not row["is_active"]:
        if not ctx.is_admin and not _is_invited(ctx, row):
            raise permission_denied("Cannot activate without being invited.")
        ctx.update(row, {"is_active": True})
    return ctx.view(USER, row)


def unsetup(ctx: Context, uuid: str) -> Body:
    """Deactivation: permission and signature links go, and all tokens; other links stay (4.1)."""
    if not ctx.is_admin:
        raise forbidden()
    row = ctx.find(USER, uuid)
    for link in list(ctx.store.rows(LINK)):
        if link["tail_uuid"] == uuid and link["link_class"] in ("permission", "signature"):
            ctx.store.delete(link["uuid"])
    _drop_tokens(ctx, uuid)
    ctx.update(row, {"is_active": False, "is_admin": False, "prefs": {}})
    return ctx.view(USER, row)


def destroy(ctx: Context, uuid: str) -> Body:
    row = ctx.find(USER, uuid)
    if not ctx.is_admin:
        raise permission_denied()
    body = ctx.view(USER, row)
    _drop_tokens(ctx, uuid)
    ctx.store.delete(uuid)
    return body


def _drop_tokens(ctx: Context, owner: str) -> None:
    for token in list(ctx.store.rows(TOKEN)):
        if token["owner_uuid"] == owner:
            ctx.store.delete(token["uuid"])


ROUTES = [
    Route("GET", "/arvados/v1/users", index),
    Route("POST", "/arvados/v1/users", create),
    Route("GET", "/arvados/v1/users/current", current),
    Route("GET", "/arvados/v1/users/system", system),
    Route("GET", "/arvados/v1/users/{uuid}", show),
    Route("PUT", "/arvados/v1/users/{uuid}", update),
    Route("DELETE", "/arvados/v1/users/{uuid}", destroy),
    Route("POST", "/arvados/v1/users/{uuid}/activate", activate),
    Route("POST", "/arvados/v1/users/{uuid}/unsetup", unsetup),
]
