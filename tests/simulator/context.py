"""What a handler of the Rails API gets, and the steps all handlers share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable

from . import query
from .errors import ApiError, argument_error, invalid, not_found, permission_denied
from .models import GROUP, USER, Model, infix_of
from .permissions import Permissions
from .store import Row, Store, etag
from .tokens import Identity

Body = dict[str, Any]

# Parameters of the request itself: never attributes of a record.
CONTROL = frozenset(
    "filters where order select distinct limit offset count cluster_id bypass_federation include_trash"
    " ensure_unique_name forwarded_for reader_tokens api_token oauth_token remote".split()
)

# A client may send these on create; they are ignored (13.18).
STAMPS = ("created_at", "modified_at", "modified_by_user_uuid")


@dataclass
class Context:
    store: Store
    permissions: Permissions
    params: dict[str, Any]
    request_id: str
    base_url: str
    identity: Identity | None = None
    remote: str | None = None
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def user(self) -> Row:
        assert self.identity is not None, "the route did not ask for a login"
        return self.identity.user

    @property
    def token(self) -> Row:
        assert self.identity is not None, "the route did not ask for a login"
        return self.identity.token

    @property
    def is_admin(self) -> bool:
        return bool(self.user["is_admin"])

    # -- parameters ----------------------------------------------------------

    def json_param(self, name: str) -> Any:
        """Lists and objects come as JSON text in a query, as themselves in a JSON body."""
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        if value == "":
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise argument_error(f"Invalid {name} parameter") from None

    def flag(self, name: str) -> bool:
        return str(self.params.get(name, "")).lower() in ("true", "1", "yes")

    def select(self, model: Model) -> list[str] | None:
        return query.check_select(model, self.json_param("select"))

    def attributes(self, model: Model) -> Row:
        """The record in the body, or the body itself if it has no such key (13.24)."""
        given = self.json_param(model.singular)
        if given is None:
            given = {k: v for k, v in self.params.items() if k not in CONTROL}
        if not isinstance(given, dict):
            raise argument_error(f"Invalid {model.singular} parameter")
        for name in given:
            if name not in model.types():
                raise ApiError(
                    422, f"#<ActiveModel::UnknownAttributeError: unknown attribute '{name}' for {model.name}.>"
                )
        return {k: v for k, v in given.items() if k in model.columns and k not in STAMPS}

    # -- records -------------------------------------------------------------

    def find(self, model: Model, uuid: str, trash: bool = False) -> Row:
        row = self.store.get(uuid, model)
        hidden = row is not None and not trash and self.permissions.trashed(row)
        if row is None or hidden or not self.permissions.can_read(self.user, row):
            raise not_found()
        return row

    def view(self, model: Model, row: Row, select: Iterable[str] | None = None, listed: bool = False) -> Body:
        """The record in raw Rails order; with `select` only what was asked for."""
        wanted = None if select is None else set(select)
        # Lists always name the kind, single records only if asked.
        full: Body = {"kind": model.kind, "etag": ""} if wanted is None or listed or "kind" in wanted else {"etag": ""}
        for name in model.shown():
            if wanted is None or name in wanted:
                full[name] = sorted_keys(row[name]) if name in model.columns else VIRTUAL[name](self, row)
        if wanted is None or "etag" in wanted:
            full["etag"] = etag(row)
        else:
            del full["etag"]
        return full

    def list_of(self, model: Model, rows: Iterable[Row], order: Iterable[str] = query.DEFAULT_ORDER) -> Body:
        """One page of readable rows as a raw Rails list."""
        select = self.select(model)
        exact = query.check_count(self.params.get("count"))
        filters = query.check_filters(model, self.json_param("filters"))
        found = [row for row in rows if query.matches(row, filters)]
        ordered = query.sort_rows(found, query.order_columns(model, self._order(), select, order))
        limit = query.effective_limit(self.params.get("limit"))
        offset = query.integer(self.params.get("offset"), 0)
        page = ordered[offset : offset + limit]
        body: Body = {"kind": f"{model.kind}List", "etag": "", "self_link": "", "offset": offset, "limit": limit}
        body["items"] = [self.view(model, row, select, listed=True) for row in page]
        if exact:
            body["items_available"] = len(found)
        return body

    def _order(self) -> Any:
        order = self.params.get("order")
        return self.json_param("order") if isinstance(order, str) and order.startswith("[") else order

    def readable(self, model: Model) -> Iterable[Row]:
        trash = self.flag("include_trash")
        for row in self.store.rows(model):
            if (trash or not self.permissions.trashed(row)) and self.permissions.can_read(self.user, row):
                yield row

    # -- rules every model shares --------------------------------------------

    def check_active(self) -> None:
        if not self.user["is_active"]:
            raise permission_denied()

    def check_uuids(self, row: Row, changed: Iterable[str], further: Iterable[str] = ()) -> None:
        """What looks like a uuid must exist and be readable by the caller (4.1)."""
        missing = [name for name in changed if name.endswith("_uuid") and not self._uuid_known(row.get(name))]
        messages = [f"{_human(name)} '{row[name]}' not found" for name in missing] + list(further)
        if messages:
            raise invalid(*messages)

    def _uuid_known(self, value: Any) -> bool:
        if infix_of(value) is None or value == self.store.system_user:
            return True
        return self.permissions.can_read_uuid(self.user, value)

    def check_owner(self, uuid: str) -> None:
        """Write permission on the new owner, who must be a user or a project."""
        if not self.permissions.can_write_uuid(self.user, uuid):
            raise ApiError(403, "Owner uuid cannot be set or changed without write permission on new owner")
        group = self.store.get(uuid, GROUP)
        if infix_of(uuid) != USER.infix and (group is None or group["group_class"] != "project"):
            raise ApiError(403, "Owner uuid must be a project")

    def check_writable(self, row: Row) -> None:
        if not self.permissions.can_write(self.user, row):
            raise ApiError(403, f"Uuid  {row['uuid']} is not writable by {self.user['uuid']}")

    def check_new_uuid(self, model: Model, attrs: Row) -> None:
        """Only an admin may choose a uuid, and only one of the right form."""
        uuid = attrs.get("uuid")
        if uuid is not None and not (self.is_admin and infix_of(uuid) == model.infix):
            raise invalid("Uuid assignment not permitted")

    def check_same_uuid(self, row: Row, attrs: Row) -> None:
        if attrs.get("uuid", row["uuid"]) != row["uuid"]:
            raise invalid("Uuid change not permitted")

    def create(self, model: Model, attrs: Row, by: str | None = None) -> Row:
        now = self.store.now()
        stamps = {"created_at": now, "modified_at": now, "modified_by_user_uuid": by or self.user["uuid"]}
        return self.store.insert(model, {**attrs, **stamps})

    def update(self, row: Row, changes: Row, by: str | None = None) -> bool:
        return self.store.update(row, changes, by or self.user["uuid"])


def sorted_keys(value: Any) -> Any:
    """Nested objects are stored and answered with their keys sorted."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


def _human(name: str) -> str:
    return name.replace("_", " ").capitalize()


def register_virtual(name: str, function: Callable[[Context, Row], Any]) -> None:
    VIRTUAL[name] = function


# Columns that are computed for the one who asks; filled by the resources.
VIRTUAL: dict[str, Callable[[Context, Row], Any]] = {}


@dataclass(frozen=True)
class Route:
    """One line of the Rails routing table."""

    method: str
    path: str
    handler: Callable[..., Any]
    login: bool = True
