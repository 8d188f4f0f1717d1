"""computed_permissions: the permission table as a list (notes 5, 13.29, 13.42)."""

from __future__ import annotations

from .. import query
from ..context import Body, Context, Route
from ..errors import argument_error, forbidden
from ..models import USER
from ..permissions import LEVEL_NAME
from ..store import Row

_COLUMNS = ("user_uuid", "target_uuid", "perm_level")
_FILTERABLE = ("user_uuid", "target_uuid")
_OPERATORS = frozenset(("=", "!=", "<>", "<", "<=", ">", ">=", "in", "not in"))


def index(ctx: Context) -> Body:
    if not ctx.is_admin:
        raise forbidden()
    if ctx.params.get("count") not in (None, "", "none"):
        raise argument_error("count parameter must be 'none'")
    offset = ctx.params.get("offset")
    if query.integer(offset, 0) != 0:
        raise argument_error(f'non-zero offset parameter "{offset}" is not supported')
    select = _check_select(ctx)
    filters = [_check_filter(item) for item in ctx.json_param("filters") or []]
    limit = query.effective_limit(ctx.params.get("limit"))
    rows = [row for row in _rows(ctx) if query.matches(row, filters)]
    if not ctx.params.get("select"):
        # With `select` the answer is unordered, whatever `order` says (13.42).
        rows.sort(key=lambda row: (row["user_uuid"], row["target_uuid"]))
    items = [{name: row[name] for name in _COLUMNS if name in select} for row in rows[:limit]]
    head: Body = {"kind": "arvados#computedPermissionList", "etag": "", "self_link": "", "offset": 0, "limit": limit}
    return {**head, "items": items}


def _check_select(ctx: Context) -> list[str]:
    select = ctx.json_param("select")
    for name in select or []:
        if name not in _COLUMNS:
            raise argument_error(f"Invalid attribute '{name}' of ComputedPermission in select parameter")
    return list(select or _COLUMNS)


def _check_filter(item: object) -> tuple[str, str, object]:
    if not isinstance(item, list) or len(item) != 3:
        raise argument_error("Invalid element in filters array")
    attr, op, operand = item
    if str(op).lower() not in query.OPERATORS:
        raise argument_error(f"Invalid operator '{op}'")
    if attr not in _FILTERABLE or str(op).lower() not in _OPERATORS:
        raise argument_error(f"Invalid attribute '{attr}' in filter")
    query.check_operand(str(op).lower(), operand)
    return attr, str(op).lower(), operand


def _rows(ctx: Context) -> list[Row]:
    """Explicit and transitive rights only: being admin adds nothing."""
    return [
        {"user_uuid": user["uuid"], "target_uuid": target, "perm_level": LEVEL_NAME[level]}
        for user in ctx.store.rows(USER)
        for target, level in ctx.permissions.of(user["uuid"]).items()
    ]


ROUTES = [Route("GET", "/arvados/v1/computed_permissions", index)]
