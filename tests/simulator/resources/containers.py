"""Containers: the state machine, its tokens, and containers/current (notes 2, 13.1-15)."""

from __future__ import annotations

from typing import Any

from ..context import Body, Context, Route
from ..errors import ApiError, invalid, permission_denied
from ..models import CONTAINER, REQUEST, TOKEN
from ..store import Row, Store
from ..tokens import container_of

FINAL = ("Complete", "Cancelled")

_NEXT: dict[str, tuple[str, ...]] = {
    "Queued": ("Locked", "Cancelled"),
    "Locked": ("Queued", "Running", "Cancelled"),
    "Running": ("Complete", "Cancelled"),
    "Complete": (),
    "Cancelled": (),
}

# What lock and unlock show of a container.
_BRIEF = ("uuid", "locked_by_uuid", "priority", "state", "auth_uuid")

# What a container may say about itself with its own token; a dispatcher may say more.
_SELF_REPORT = frozenset(
    "state exit_code output log progress runtime_status cost subrequests_cost output_properties"
    " gateway_address interactive_session_started".split()
)
_DISPATCH = _SELF_REPORT | {"priority", "published_ports"}


def index(ctx: Context) -> Body:
    return ctx.list_of(CONTAINER, ctx.readable(CONTAINER))


def show(ctx: Context, uuid: str) -> Body:
    return ctx.view(CONTAINER, ctx.find(CONTAINER, uuid), ctx.select(CONTAINER))


def current(ctx: Context) -> Body:
    assert ctx.identity is not None
    row = container_of(ctx.store, ctx.identity)
    if row is None:
        raise ApiError(404, "Token is not associated with a container.")
    return ctx.view(CONTAINER, row, ctx.select(CONTAINER))


def auth(ctx: Context, uuid: str) -> Body:
    """The run token, secret and all, for the dispatcher that holds the lock (2.2)."""
    row = ctx.find(CONTAINER, uuid)
    if row["locked_by_uuid"] is None or row["locked_by_uuid"] != ctx.token["uuid"]:
        raise permission_denied("Not locked by your token")
    given = row["runtime_token"]
    token = ctx.store.get(given.split("/")[1] if given else row["auth_uuid"], TOKEN)
    if token is None:
        raise ApiError(404, "Path not found")
    return ctx.view(TOKEN, token)


def secret_mounts(ctx: Context, uuid: str) -> Body:
    row = ctx.find(CONTAINER, uuid)
    if not _is_own_token(ctx, row):
        raise ApiError(403, "Token is not associated with this container.")
    return {"secret_mounts": row["secret_mounts"]}


def _is_own_token(ctx: Context, row: Row) -> bool:
    assert ctx.identity is not None
    found = container_of(ctx.store, ctx.identity)
    return found is not None and found["uuid"] == row["uuid"]


def lock(ctx: Context, uuid: str) -> Body:
    row = ctx.find(CONTAINER, uuid)
    _check_dispatcher(ctx)
    if row["state"] != "Queued":
        raise ApiError(422, f"#<ArvadosModel::LockFailedError: cannot lock when {row['state']}>")
    if row["priority"] <= 0:
        raise ApiError(422, "#<ArvadosModel::LockFailedError: cannot lock when priority<=0>")
    _enter(ctx, row, "Locked")
    return ctx.view(CONTAINER, row, _BRIEF)


def unlock(ctx: Context, uuid: str) -> Body:
    row = ctx.find(CONTAINER, uuid)
    _check_dispatcher(ctx)
    if row["state"] != "Locked":
        raise ApiError(422, f"#<ArvadosModel::InvalidStateTransitionError: cannot unlock when {row['state']}>")
    if row["locked_by_uuid"] != ctx.token["uuid"]:
        raise permission_denied("Not locked by your token")
    _enter(ctx, row, "Queued")
    return ctx.view(CONTAINER, row, _BRIEF)


def _check_dispatcher(ctx: Context) -> None:
    if not ctx.is_admin:
        raise permission_denied()


def update(ctx: Context, uuid: str) -> Body:
    row = ctx.find(CONTAINER, uuid)
    attrs = ctx.attributes(CONTAINER)
    ctx.check_same_uuid(row, attrs)
    changes = {name: value for name, value in attrs.items() if row[name] != value}
    if changes:
        _check_update(ctx, row, changes)
        target = changes.pop("state", None)
        ctx.update(row, changes)
        if target is not None:
            _enter(ctx, row, target)
    return ctx.view(CONTAINER, row, ctx.select(CONTAINER))


def _check_update(ctx: Context, row: Row, changes: Row) -> None:
    allowed = _DISPATCH if ctx.is_admin else _SELF_REPORT if _is_own_token(ctx, row) else frozenset()
    if not allowed:
        raise permission_denied()
    for name in changes:
        if name not in allowed:
            raise invalid(f"{name.replace('_', ' ').capitalize()} cannot be modified in state '{row['state']}'")
    target = changes.get("state")
    if target is not None and target not in _NEXT[row["state"]]:
        raise invalid(f"State cannot change from {row['state']} to {target}")


def _enter(ctx: Context, row: Row, state: str) -> None:
    _ON_ENTER[state](ctx, row)
    ctx.update(row, {"state": state})


def _enter_locked(ctx: Context, row: Row) -> None:
    """A new token for the runtime user, unless the request brought its own (2.1)."""
    changes: dict[str, Any] = {"locked_by_uuid": ctx.token["uuid"], "lock_count": row["lock_count"] + 1}
    if not row["runtime_token"]:
        owner = row["runtime_user_uuid"] or ctx.store.system_user
        changes["auth_uuid"] = ctx.store.new_token(owner, row["runtime_auth_scopes"])["uuid"]
    ctx.update(row, changes)


def _enter_queued(ctx: Context, row: Row) -> None:
    expire_token(ctx.store, row)
    ctx.update(row, {"locked_by_uuid": None})


def _enter_running(ctx: Context, row: Row) -> None:
    ctx.update(row, {"started_at": ctx.store.now()})


def _enter_final(ctx: Context, row: Row) -> None:
    expire_token(ctx.store, row)
    wiped: Row = {"locked_by_uuid": None, "secret_mounts": {}, "runtime_token": None}
    ctx.update(row, {**wiped, "finished_at": ctx.store.now()})
    for request in ctx.store.rows(REQUEST):
        if request["container_uuid"] == row["uuid"]:
            ctx.store.update(request, {"state": "Final"}, ctx.store.system_user)


_ON_ENTER = {
    "Queued": _enter_queued,
    "Locked": _enter_locked,
    "Running": _enter_running,
    "Complete": _enter_final,
    "Cancelled": _enter_final,
}


def expire_token(store: Store, row: Row) -> None:
    """The run token dies in the same request (13.2); a runtime token lives on (13.8)."""
    token = store.get(row["auth_uuid"], TOKEN)
    if token is not None:
        store.update(token, {"expires_at": store.now()}, None)
    store.update(row, {"auth_uuid": None}, None)


ROUTES = [
    Route("GET", "/arvados/v1/containers", index),
    Route("GET", "/arvados/v1/containers/current", current),
    Route("GET", "/arvados/v1/containers/{uuid}", show),
    Route("PUT", "/arvados/v1/containers/{uuid}", update),
    Route("GET", "/arvados/v1/containers/{uuid}/auth", auth),
    Route("GET", "/arvados/v1/containers/{uuid}/secret_mounts", secret_mounts),
    Route("POST", "/arvados/v1/containers/{uuid}/lock", lock),
    Route("POST", "/arvados/v1/containers/{uuid}/unlock", unlock),
]
