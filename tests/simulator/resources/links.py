"""Links: owner, visibility, permission and class-change rules (notes 4.1, 13.17-25)."""

from __future__ import annotations

from typing import Any

from ..context import Body, Context, Route, register_virtual
from ..errors import ApiError, BareError, invalid, not_found, permission_denied
from ..models import GROUP, LINK, USER, infix_of, kind_of
from ..permissions import LEVEL
from ..store import Row

PERMISSION = "permission"
_LEVEL_NAMES = ("can_read", "can_write", "can_manage", "can_login")
# Once these change, a permission link is no longer the same grant.
_FIXED = ("link_class", "tail_uuid", "head_uuid")

register_virtual("head_kind", lambda ctx, row: kind_of(row["head_uuid"]))
register_virtual("tail_kind", lambda ctx, row: kind_of(row["tail_uuid"]))


def index(ctx: Context) -> Body:
    return ctx.list_of(LINK, _visible(ctx))


def _visible(ctx: Context) -> Any:
    """One's own permission links are answered unrestricted if asked for exactly so (4.1)."""
    filters = ctx.json_param("filters")
    mine = [["link_class", "=", PERMISSION], ["tail_uuid", "=", ctx.user["uuid"]]]
    if isinstance(filters, list) and all(part in filters for part in mine):
        return ctx.store.rows(LINK)
    return ctx.readable(LINK)


def show(ctx: Context, uuid: str) -> Body:
    return ctx.view(LINK, ctx.find(LINK, uuid), ctx.select(LINK))


def create(ctx: Context) -> Body:
    attrs = ctx.attributes(LINK)
    ctx.check_new_uuid(LINK, attrs)
    row = {**LINK.blank(), **attrs}
    row["owner_uuid"] = _owner_for(ctx, row, row["owner_uuid"] or ctx.user["uuid"])
    _validate(ctx, row, [name for name in ("owner_uuid", "tail_uuid", "head_uuid") if row[name]])
    if row["link_class"] != PERMISSION:
        ctx.check_owner(row["owner_uuid"])
    _check_right(ctx, row)
    existing = _same_grant(ctx, row) if row["link_class"] == PERMISSION else None
    link = existing if existing is not None else ctx.create(LINK, row)
    return ctx.view(LINK, link, ctx.select(LINK))


def _owner_for(ctx: Context, row: Row, owner: str) -> str:
    """A permission link belongs to the system user whoever makes it (13.20)."""
    return ctx.store.system_user if row["link_class"] == PERMISSION else owner


def _same_grant(ctx: Context, row: Row) -> Row | None:
    """The same tail and head returns the existing link, raised to the higher level."""
    for link in ctx.store.rows(LINK):
        same = all(link[name] == row[name] for name in _FIXED)
        if same and "can_login" not in (link["name"], row["name"]):
            if LEVEL[row["name"]] > LEVEL[link["name"]]:
                ctx.update(link, {"name": row["name"]})
            return link
    return None


def _validate(ctx: Context, row: Row, changed: list[str]) -> None:
    if row["link_class"] == "name":
        raise invalid("Name Name links are obsolete")
    ctx.check_uuids(row, changed, _missing_head(ctx, row, changed))
    if row["link_class"] == PERMISSION:
        _validate_grant(ctx, row)


def _missing_head(ctx: Context, row: Row, changed: list[str]) -> list[str]:
    head = row["head_uuid"]
    absent = infix_of(head) is not None and not ctx.store.exists(head)
    return ["Head uuid does not exist"] if row["link_class"] == PERMISSION and "head_uuid" in changed and absent else []


def _validate_grant(ctx: Context, row: Row) -> None:
    if row["name"] not in _LEVEL_NAMES:
        names = ", ".join(f"'{name}'" for name in _LEVEL_NAMES)
        raise invalid(f"Name is invalid permission, must be one of {names}")
    tail = ctx.store.get(row["tail_uuid"])
    if tail is not None and infix_of(tail["uuid"]) == GROUP.infix and tail["group_class"] != "role":
        raise invalid(f"Tail uuid must be a user or role, was group with group_class {tail['group_class']}")
    if tail is None or infix_of(tail["uuid"]) not in (GROUP.infix, USER.infix):
        raise invalid("Tail uuid must be a user or role")


def _check_right(ctx: Context, row: Row) -> None:
    """Any active user may link anything; a permission link needs manage on its head."""
    ctx.check_active()
    if row["link_class"] == PERMISSION and not ctx.permissions.can_manage_uuid(ctx.user, row["head_uuid"]):
        raise permission_denied()


def update(ctx: Context, uuid: str) -> Body:
    link = ctx.find(LINK, uuid)
    attrs = ctx.attributes(LINK)
    ctx.check_same_uuid(link, attrs)
    after = {**link, **attrs}
    after["owner_uuid"] = _owner_for(ctx, after, after["owner_uuid"])
    changed = [name for name in after if after[name] != link[name]]
    if changed:
        _check_update(ctx, link, after, changed)
        ctx.update(link, {name: after[name] for name in changed})
    return ctx.view(LINK, link, ctx.select(LINK))


def _check_update(ctx: Context, link: Row, after: Row, changed: list[str]) -> None:
    """In the order of the real callbacks: validation, ownership, right, class change."""
    becomes_grant = PERMISSION == after["link_class"] != link["link_class"]
    _validate(ctx, after, [name for name in changed if not (name == "owner_uuid" and becomes_grant)])
    if after["link_class"] != PERMISSION:
        ctx.check_writable(link)
        if "owner_uuid" in changed:
            ctx.check_owner(after["owner_uuid"])
    elif becomes_grant:
        ctx.check_writable(link)
    _check_right(ctx, after)
    _check_class_change(ctx, link, after)


def _check_class_change(ctx: Context, link: Row, after: Row) -> None:
    touches_grant = PERMISSION in (link["link_class"], after["link_class"])
    altered = any(link[name] != after[name] for name in _FIXED)
    if touches_grant and altered and ctx.user["uuid"] != ctx.store.system_user:
        raise ApiError(422, "#<RuntimeError: Can only alter permission link level>")


def destroy(ctx: Context, uuid: str) -> Body:
    link = ctx.find(LINK, uuid)
    _check_right(ctx, link)
    if link["link_class"] != PERMISSION and not ctx.permissions.can_write(ctx.user, link):
        raise permission_denied()
    ctx.store.delete(uuid)
    return ctx.view(LINK, link)


def get_permissions(ctx: Context, uuid: str) -> Body:
    """All permission links onto one object, for those who manage it (4.2)."""
    if not ctx.permissions.can_read_uuid(ctx.user, uuid):
        raise not_found()
    if not ctx.permissions.can_manage_uuid(ctx.user, uuid):
        raise BareError(403, "Forbidden")
    rows = [r for r in ctx.store.rows(LINK) if r["link_class"] == PERMISSION and r["head_uuid"] == uuid]
    items = [ctx.view(LINK, row, listed=True) for row in rows]
    head: Body = {"kind": "arvados#linkList", "etag": "", "self_link": "", "offset": 0, "limit": len(items)}
    return {**head, "items": items, "items_available": len(items)}


ROUTES = [
    Route("GET", "/arvados/v1/links", index),
    Route("POST", "/arvados/v1/links", create),
    Route("GET", "/arvados/v1/links/{uuid}", show),
    Route("PUT", "/arvados/v1/links/{uuid}", update),
    Route("DELETE", "/arvados/v1/links/{uuid}", destroy),
    Route("GET", "/arvados/v1/permissions/{uuid}", get_permissions),
]
