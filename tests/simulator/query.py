"""Lists: filters, order, paging, select, with Arvados' rules (notes 4.2)."""

from __future__ import annotations

import operator
import re
from typing import Any, Callable, Iterable

from .errors import argument_error
from .models import KIND_BY_INFIX, Model, infix_of, kind_of
from .store import Row

MAX_ITEMS = 1000
DEFAULT_LIMIT = 100
DEFAULT_ORDER = ("modified_at desc", "uuid desc")

_RUBY_CLASS = {str: "String", int: "Integer", float: "Float", bool: "TrueClass", dict: "Hash", list: "Array"}


def _ruby_class(value: Any) -> str:
    return "NilClass" if value is None else _RUBY_CLASS.get(type(value), "Object")


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(have: Any, want: Any) -> bool:
        try:
            return have is not None and want is not None and test(have, want)
        except TypeError:
            return False

    return run


def _like(flags: int) -> Callable[[Any, Any], bool]:
    def run(have: Any, want: Any) -> bool:
        pattern = re.escape(str(want)).replace("%", ".*").replace("_", ".")
        return isinstance(have, str) and re.fullmatch(pattern, have, flags | re.DOTALL) is not None

    return run


def _is_a(have: Any, want: Any) -> bool:
    kinds = want if isinstance(want, list) else [want]
    return kind_of(have) in kinds


def _exists(have: Any, want: Any) -> bool:
    return isinstance(have, dict) and want in have


def _contains(have: Any, want: Any) -> bool:
    keys = want if isinstance(want, list) else [want]
    return isinstance(have, (dict, list)) and all(key in have for key in keys)


# `!=` and `not in` also match null.
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": _compare(operator.lt),
    "<=": _compare(operator.le),
    ">": _compare(operator.gt),
    ">=": _compare(operator.ge),
    "like": _like(0),
    "ilike": _like(re.IGNORECASE),
    "in": lambda have, want: have in want,
    "not in": lambda have, want: have not in want,
    "is_a": _is_a,
    "exists": _exists,
    "contains": _contains,
}

_LIST_OPERAND = {"in", "not in"}
_STRING_OPERAND = {"like", "ilike"}


def check_filters(model: Model, filters: Any) -> list[tuple[str, str, Any]]:
    if filters is None:
        return []
    if not isinstance(filters, list):
        raise argument_error(f"Invalid filters parameter: {filters!r}")
    return [_check_filter(model, item) for item in filters]


def _check_filter(model: Model, item: Any) -> tuple[str, str, Any]:
    if not isinstance(item, list) or len(item) != 3:
        raise argument_error("Invalid element in filters array")
    attr, op, operand = item
    if not isinstance(op, str) or op.lower() not in OPERATORS:
        raise argument_error(f"Invalid operator '{op}'")
    column = str(attr).split(".", 1)[0]
    if column not in model.columns or column in model.unfilterable:
        raise argument_error(f"Invalid attribute '{attr}' in filter")
    check_operand(op.lower(), operand)
    return str(attr), op.lower(), operand


def check_operand(op: str, operand: Any) -> None:
    wrong_list = op in _LIST_OPERAND and not isinstance(operand, list)
    wrong_text = op in _STRING_OPERAND and not isinstance(operand, str)
    if wrong_list or wrong_text:
        raise argument_error(f"Invalid operand type '{_ruby_class(operand)}' for '{op}' operator in filters")


def _value(row: Row, attr: str) -> Any:
    column, _, key = attr.partition(".")
    value = row.get(column)
    if not key:
        return value
    return value.get(key) if isinstance(value, dict) else None


def matches(row: Row, filters: Iterable[tuple[str, str, Any]]) -> bool:
    return all(_match_one(row, attr, op, operand) for attr, op, operand in filters)


def _match_one(row: Row, attr: str, op: str, operand: object) -> bool:
    column, _, key = attr.partition(".")
    if op == "exists" and key:
        value = row.get(column)
        return bool(operand) == (isinstance(value, dict) and key in value)
    return bool(OPERATORS[op](_value(row, attr), operand))


def check_select(model: Model, select: Any) -> list[str] | None:
    if select is None:
        return None
    known = set(model.shown()) | {"kind", "etag"}
    names = select if isinstance(select, list) else [select]
    for name in names:
        if name not in known:
            raise argument_error(f"Invalid attribute '{name}' of {model.name} in select parameter")
    return list(names)


def check_count(count: Any) -> bool:
    """True if the answer shall say how many there are."""
    if count not in (None, "", "exact", "none"):
        raise argument_error("count parameter must be 'exact' or 'none'")
    return bool(count != "none")


def integer(value: Any, fallback: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return fallback


def effective_limit(value: Any) -> int:
    """Silently lowered to the cap; a negative one means the default."""
    limit = integer(value, DEFAULT_LIMIT)
    return DEFAULT_LIMIT if limit < 0 else min(limit, MAX_ITEMS)


def order_columns(
    model: Model, order: Any, select: list[str] | None, default: Iterable[str] = DEFAULT_ORDER
) -> list[tuple[str, bool]]:
    """(column, descending) pairs; what is unknown or not selected is dropped silently."""
    texts = order if isinstance(order, list) else [part for part in str(order or "").split(",")]
    wanted: list[tuple[str, bool]] = []
    for text in texts + list(default):
        found = re.fullmatch(r"\s*(?:\w+\.)?(\w+)(?:\s+(asc|desc))?\s*", str(text), re.IGNORECASE)
        if found and found[1] in model.columns and (select is None or found[1] in select):
            wanted.append((found[1], (found[2] or "asc").lower() == "desc"))
    return wanted


def sort_rows(rows: list[Row], columns: list[tuple[str, bool]]) -> list[Row]:
    """PostgreSQL's order: null is larger than everything."""
    for column, descending in reversed(columns):
        values = [row for row in rows if row.get(column) is not None]
        nulls = [row for row in rows if row.get(column) is None]
        values = sorted(values, key=lambda row: _sort_key(row[column]), reverse=descending)
        rows = nulls + values if descending else values + nulls
    return rows


def _sort_key(value: Any) -> Any:
    if isinstance(value, str):
        return _collate(value)
    return value if isinstance(value, (int, float)) else 0


def _collate(text: str) -> tuple[str, str]:
    """The database's locale looks at letters and digits first ("admin" before "../x": links recording)."""
    return "".join(char for char in text.casefold() if char.isalnum()), text


def foreign_clusters(filters: Any, cluster_id: str) -> list[str]:
    """Other clusters named by a uuid filter with = or in: that makes a query federated (13.37)."""
    found: list[str] = []
    for item in filters or []:
        if isinstance(item, list) and len(item) == 3 and item[0] == "uuid" and item[1] in ("=", "in"):
            operands = item[2] if isinstance(item[2], list) else [item[2]]
            found += [u[:5] for u in operands if infix_of(u) in KIND_BY_INFIX and u[:5] != cluster_id]
    return found
