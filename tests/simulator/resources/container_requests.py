"""Container requests: what a user commits and a container is made from."""

from __future__ import annotations

import copy
from typing import Any

from ..context import Body, Context, Route
from ..errors import invalid, permission_denied
from ..models import CONSTRAINTS, CONTAINER, REQUEST, SCHEDULING, TOKEN
from ..store import Row
from ..tokens import container_of, scopes_allow, v2_form
from .containers import FINAL

_STATES = ("Uncommitted", "Committed", "Final")

# Copied as they are into the container.
_COPIED = (
    "command container_image cwd environment mounts output_path output_glob output_properties"
    " output_storage_classes service published_ports secret_mounts runtime_token"
).split()

_MIN_DISK_CACHE = 2 << 30

# All that may still change once a request is committed.
_AFTER_COMMIT = frozenset("priority name description properties container_count_max owner_uuid state".split())


def index(ctx: Context) -> Body:
    return ctx.list_of(REQUEST, ctx.readable(REQUEST))


def show(ctx: Context, uuid: str) -> Body:
    return ctx.view(REQUEST, ctx.find(REQUEST, uuid), ctx.select(REQUEST))


def create(ctx: Context) -> Body:
    attrs = ctx.attributes(REQUEST)
    ctx.check_new_uuid(REQUEST, attrs)
    row = {**REQUEST.blank(), **attrs}
    row["owner_uuid"] = row["owner_uuid"] or ctx.user["uuid"]
    row["runtime_constraints"] = {**CONSTRAINTS, **(attrs.get("runtime_constraints") or {})}
    row["scheduling_parameters"] = {**SCHEDULING, **(attrs.get("scheduling_parameters") or {})}
    _check_state(row)
    ctx.check_uuids(row, ["owner_uuid"])
    ctx.check_owner(row["owner_uuid"])
    ctx.check_active()
    row["requesting_container_uuid"] = _asking_container(ctx)
    if row["state"] == "Committed":
        _commit(ctx, row)
    return ctx.view(REQUEST, ctx.create(REQUEST, row), ctx.select(REQUEST))


def _check_state(row: Row) -> None:
    if row["state"] not in _STATES:
        raise invalid("State is not included in the list")
    if row["state"] == "Committed" and not (row["command"] and row["container_image"]):
        raise invalid("Command can't be blank, Container image can't be blank")


def _asking_container(ctx: Context) -> str | None:
    """A request made with a run token is a child of that container."""
    assert ctx.identity is not None
    parent = container_of(ctx.store, ctx.identity)
    return parent["uuid"] if parent else None


def _commit(ctx: Context, row: Row) -> None:
    container = ctx.create(CONTAINER, _container_from(ctx, row), by=ctx.store.system_user)
    row["container_uuid"] = container["uuid"]
    row["container_count"] += 1


def _container_from(ctx: Context, row: Row) -> Row:
    user, scopes = _runtime_user(ctx, row)
    constraints = copy.deepcopy(row["runtime_constraints"])
    if not constraints["keep_cache_disk"]:
        constraints["keep_cache_disk"] = max(_MIN_DISK_CACHE, constraints["ram"] // 2)
    made = {name: copy.deepcopy(row[name]) for name in _COPIED}
    made.update(
        owner_uuid=ctx.store.system_user,
        state="Queued",
        priority=_container_priority(ctx, row["priority"]),
        runtime_constraints=constraints,
        scheduling_parameters=copy.deepcopy(row["scheduling_parameters"]),
        runtime_user_uuid=user,
        runtime_auth_scopes=scopes,
    )
    return made


def _container_priority(ctx: Context, priority: int | None) -> int:
    """Larger than a double holds exactly (2.2): shifted, less the time of asking."""
    return (priority << 50) - ctx.store.micros() // 1000 if priority else 0


def _runtime_user(ctx: Context, row: Row) -> tuple[str, list[str]]:
    """The committer, or the owner of the supplied runtime_token with its scopes."""
    given = row["runtime_token"]
    if not given:
        return ctx.user["uuid"], ["all"]
    tokens = [t for t in ctx.store.rows(TOKEN) if v2_form(t) == given and not ctx.store.expired(t["expires_at"])]
    if not tokens or not (ctx.is_admin or tokens[0]["owner_uuid"] == ctx.user["uuid"]):
        raise invalid("Runtime token failed validation")
    if not scopes_allow(tokens[0]["scopes"], "GET", "/arvados/v1/containers/current"):
        raise invalid("Runtime token scopes are too narrow")
    return tokens[0]["owner_uuid"], list(tokens[0]["scopes"])


def update(ctx: Context, uuid: str) -> Body:
    row = ctx.find(REQUEST, uuid)
    attrs = ctx.attributes(REQUEST)
    ctx.check_same_uuid(row, attrs)
    changes = {name: value for name, value in attrs.items() if row[name] != value}
    if changes:
        ctx.check_writable(row)
        ctx.check_active()
        _check_changes(row, changes)
        commits = changes.get("state") == "Committed"
        ctx.update(row, changes)
        if commits:
            _check_state(row)
            _commit(ctx, row)
        _pass_priority_on(ctx, row, changes)
    return ctx.view(REQUEST, row, ctx.select(REQUEST))


def _check_changes(row: Row, changes: dict[str, Any]) -> None:
    if row["state"] == "Uncommitted":
        return
    for name in changes:
        if name not in _AFTER_COMMIT or row["state"] == "Final":
            raise invalid(f"{name.replace('_', ' ').capitalize()} cannot be modified in state '{row['state']}'")


def _pass_priority_on(ctx: Context, row: Row, changes: dict[str, Any]) -> None:
    """Priority 0 stops nothing at once: the dispatcher sees it and kills the container (2.1)."""
    container = ctx.store.get(row["container_uuid"], CONTAINER)
    if "priority" in changes and container is not None and container["state"] not in FINAL:
        ctx.store.update(container, {"priority": _container_priority(ctx, row["priority"])}, None)


def destroy(ctx: Context, uuid: str) -> Body:
    row = ctx.find(REQUEST, uuid)
    if not ctx.permissions.can_write(ctx.user, row):
        raise permission_denied()
    ctx.store.delete(uuid)
    _pass_priority_on(ctx, {**row, "priority": 0}, {"priority": 0})
    return ctx.view(REQUEST, row)


ROUTES = [
    Route("GET", "/arvados/v1/container_requests", index),
    Route("POST", "/arvados/v1/container_requests", create),
    Route("GET", "/arvados/v1/container_requests/{uuid}", show),
    Route("PUT", "/arvados/v1/container_requests/{uuid}", update),
    Route("DELETE", "/arvados/v1/container_requests/{uuid}", destroy),
]
