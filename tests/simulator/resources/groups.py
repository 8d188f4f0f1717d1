"""Groups: projects, roles and filter groups; enough of them for links and membership."""

from __future__ import annotations

from ..context import Body, Context, Route, register_virtual
from ..errors import ApiError, invalid, permission_denied
from ..models import GROUP, LINK, TOKEN, infix_of
from ..store import Row

_CLASSES = ("project", "role", "filter")

register_virtual("can_write", lambda ctx, row: ctx.permissions.can_write(ctx.user, row))
register_virtual("can_manage", lambda ctx, row: ctx.permissions.can_manage(ctx.user, row))


def _writable_by(ctx: Context, row: Row) -> list[str]:
    """The owner; the caller if he may write; and, if he may manage, all who may write."""
    owner, me = row["owner_uuid"], ctx.user["uuid"]
    if ctx.permissions.can_manage(ctx.user, row):
        # Only the last part is free of repetitions.
        return [owner, me, *dict.fromkeys(ctx.permissions.writers(row))]
    return [owner, me] if ctx.permissions.can_write(ctx.user, row) else [owner]


register_virtual("writable_by", _writable_by)


def index(ctx: Context) -> Body:
    return ctx.list_of(GROUP, ctx.readable(GROUP))


def shared(ctx: Context) -> Body:
    """Groups not reachable from one's own home by ownership."""
    return ctx.list_of(GROUP, (row for row in ctx.readable(GROUP) if not _in_home(ctx, row)))


def _in_home(ctx: Context, row: Row) -> bool:
    owner: str | None = row["owner_uuid"]
    while owner is not None and infix_of(owner) == GROUP.infix:
        parent = ctx.store.get(owner, GROUP)
        owner = parent["owner_uuid"] if parent else None
    return bool(owner == ctx.user["uuid"])


def show(ctx: Context, uuid: str) -> Body:
    return ctx.view(GROUP, ctx.find(GROUP, uuid, ctx.flag("include_trash")), ctx.select(GROUP))


def create(ctx: Context) -> Body:
    attrs = ctx.attributes(GROUP)
    ctx.check_new_uuid(GROUP, attrs)
    row = {**GROUP.blank(), **attrs}
    if row["group_class"] not in _CLASSES:
        raise invalid("Group class value must be one of 'project', 'role' or 'filter'")
    role = row["group_class"] == "role"
    # A role belongs to the system user at once, whoever makes it (13.27).
    row["owner_uuid"] = ctx.store.system_user if role else row["owner_uuid"] or ctx.user["uuid"]
    ctx.check_uuids(row, ["owner_uuid"])
    if not role:
        ctx.check_owner(row["owner_uuid"])
    ctx.check_active()
    _check_name(ctx, row)
    group = ctx.create(GROUP, row)
    if role:
        _grant_to_maker(ctx, group)
    return ctx.view(GROUP, group, ctx.select(GROUP))


def _check_name(ctx: Context, row: Row) -> None:
    """The database's own words: names are unique per owner."""
    key = (row["owner_uuid"], row["name"])
    if row["name"] and any((g["owner_uuid"], g["name"]) == key and g is not row for g in ctx.store.rows(GROUP)):
        raise ApiError(
            422,
            '#<ActiveRecord::RecordNotUnique:"PG::UniqueViolation: ERROR:  duplicate key value violates unique'
            ' constraint \\"index_groups_on_owner_uuid_and_name\\"\\nDETAIL:  Key (owner_uuid, name)='
            f'({key[0]}, {key[1]}) already exists.\\n">',
        )


def _grant_to_maker(ctx: Context, group: Row) -> None:
    if ctx.user["uuid"] == ctx.store.system_user:
        return
    grant = {
        "owner_uuid": ctx.store.system_user,
        "link_class": "permission",
        "name": "can_manage",
        "tail_uuid": ctx.user["uuid"],
        "head_uuid": group["uuid"],
    }
    ctx.create(LINK, grant, by=ctx.store.system_user)


def update(ctx: Context, uuid: str) -> Body:
    group = ctx.find(GROUP, uuid)
    attrs = ctx.attributes(GROUP)
    ctx.check_same_uuid(group, attrs)
    if attrs.get("group_class", group["group_class"]) != group["group_class"]:
        raise invalid("Group class cannot be modified after record is created")
    changed = [name for name in attrs if attrs[name] != group[name]]
    if changed:
        ctx.check_uuids(attrs, changed)
        ctx.check_writable(group)
        if "owner_uuid" in changed:
            ctx.check_owner(attrs["owner_uuid"])
        ctx.check_active()
        ctx.update(group, {name: attrs[name] for name in changed})
    return ctx.view(GROUP, group, ctx.select(GROUP))


def _trash_change(ctx: Context, uuid: str, changes: Row) -> Body:
    group = ctx.find(GROUP, uuid, trash=True)
    if not ctx.permissions.can_manage(ctx.user, group):
        raise permission_denied()
    ctx.update(group, changes)
    return ctx.view(GROUP, group)


def destroy(ctx: Context, uuid: str) -> Body:
    """Trashed, to be deleted by the next sweep; its links stay until then (13.30)."""
    ctx.find(GROUP, uuid)
    now = ctx.store.now()
    return _trash_change(ctx, uuid, {"is_trashed": True, "trash_at": now, "delete_at": now})


def trash(ctx: Context, uuid: str) -> Body:
    now = ctx.store.now()
    return _trash_change(ctx, uuid, {"is_trashed": True, "trash_at": now, "delete_at": now})


def untrash(ctx: Context, uuid: str) -> Body:
    return _trash_change(ctx, uuid, {"is_trashed": False, "trash_at": None, "delete_at": None})


def sweep(ctx: Context) -> None:
    """What the controller asks for every Collections.TrashSweepInterval."""
    if not ctx.is_admin:
        raise ApiError(403, "Forbidden")
    store = ctx.store
    for group in list(store.rows(GROUP)):
        if store.expired(group["trash_at"]) and not group["is_trashed"]:
            store.update(group, {"is_trashed": True}, None)
        if group["is_trashed"] and store.expired(group["delete_at"]):
            _delete_with_links(ctx, group["uuid"])
    for token in list(store.rows(TOKEN)):
        if store.expired(token["expires_at"]):
            store.delete(token["uuid"])


def _delete_with_links(ctx: Context, uuid: str) -> None:
    for link in list(ctx.store.rows(LINK)):
        if uuid in (link["tail_uuid"], link["head_uuid"]):
            ctx.store.delete(link["uuid"])
    ctx.store.delete(uuid)


ROUTES = [
    Route("GET", "/arvados/v1/groups", index),
    Route("POST", "/arvados/v1/groups", create),
    Route("GET", "/arvados/v1/groups/shared", shared),
    Route("GET", "/arvados/v1/groups/{uuid}", show),
    Route("PUT", "/arvados/v1/groups/{uuid}", update),
    Route("DELETE", "/arvados/v1/groups/{uuid}", destroy),
    Route("POST", "/arvados/v1/groups/{uuid}/trash", trash),
    Route("POST", "/arvados/v1/groups/{uuid}/untrash", untrash),
    Route("POST", "/sys/trash_sweep", sweep),
]
