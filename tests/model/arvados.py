"""A cluster in memory: records as Arvados keeps them, and its answers to GET requests. Small and quick; the simulator is the true one."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

CLUSTER = "zzzzz"
OTHER_CLUSTER = "yyyyy"


def uuid_of(infix: str, number: int | str, cluster: str = CLUSTER) -> str:
    return f"{cluster}-{infix}-{number:0>15}"


SYSTEM_USER = uuid_of("tpzed", 0)
ANONYMOUS_USER = uuid_of("tpzed", "anonymouspublic")
ANONYMOUS_ROLE = uuid_of("j7d0g", "anonymouspublic")


def salted(secret: str, label: str) -> str:
    return hmac.new(secret.encode(), label.encode(), hashlib.sha1).hexdigest()


def matches(record: dict, condition: list) -> bool:
    attribute, comparison, operand = condition
    value = record.get(attribute)
    if comparison == "=":
        return value == operand
    if comparison == "in":
        return value in operand
    if comparison == ">":
        return value is not None and value > operand
    if comparison == "is_a" and operand == "arvados#group":
        return value is not None and value[5:12] == "-j7d0g-"
    raise ValueError(f"the model's cluster knows no comparison {comparison!r}")


@dataclass
class Request:
    kind: str
    query: dict[str, str]
    bearer: str

    @property
    def filters(self) -> list:
        return json.loads(self.query.get("filters", "[]"))


# Which record or list a path asks for; the words that lies are told about.
KINDS = {
    "containers/current": "container",
    "users/current": "user",
    "api_client_authorizations/current": "token",
    "containers": "containers",
    "users": "users",
    "links": "links",
    "groups": "groups",
    "computed_permissions": "members",
}


@dataclass
class Cluster:
    now: int
    users: dict[str, dict] = field(default_factory=dict)
    tokens: dict[str, dict] = field(default_factory=dict)      # with "secret", which no answer shows
    containers: dict[str, dict] = field(default_factory=dict)  # with "runtime_token", likewise
    groups: dict[str, dict] = field(default_factory=dict)      # with "trashed"
    members: set[tuple[str, str]] = field(default_factory=set)
    links: list[dict] = field(default_factory=list)
    readable: set[str] = field(default_factory=set)            # owners whose links every user may see
    service: str = ""                                          # the service token's uuid
    page: int = 1000
    lies: list = field(default_factory=list)
    asked: int = 0

    def answer(self, target: str, bearer: str) -> tuple[int, bytes]:
        """(status, body) of one GET."""
        self.asked += 1
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        request = Request(KINDS[parts.path.removeprefix("/arvados/v1/")], query, bearer)
        status, document = self._honest(request)
        for lie in self.lies:
            if lie.kind == request.kind:
                try:
                    status, document = lie.tell(self, request, status, document)
                except (AttributeError, KeyError, TypeError):
                    pass  # the lie before left nothing to lie about
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        for lie in self.lies:
            if lie.kind == request.kind and lie.garble:
                body = lie.garble(body)
        return status, body

    # -- who asks --------------------------------------------------------------

    def _token_of(self, request: Request) -> dict | None:
        parts = request.bearer.split("/")
        token = self.tokens.get(parts[1]) if len(parts) >= 3 else None
        if token is None or (token["expires_at_s"] is not None and token["expires_at_s"] <= self.now):
            return None
        label = request.query.get("remote")
        good = parts[2] == token["secret"] or (label is not None and parts[2] == salted(token["secret"], label))
        return token if good else None

    def container_of(self, token: dict) -> dict | None:
        for container in self.containers.values():
            if container["auth_uuid"] == token["uuid"] or container["runtime_token"] == token["uuid"]:
                return container
        return None

    # -- answers ---------------------------------------------------------------

    def _honest(self, request: Request) -> tuple[int, dict]:
        token = self._token_of(request)
        if token is None:
            return 401, {"errors": ["Not logged in"]}
        if request.kind == "container":
            found = self.container_of(token)
            return (200, self.shown(found, request)) if found else (404, {"errors": ["Token is not associated with a container."]})
        if request.kind == "user":
            return 200, self.shown(self.users[token["owner_uuid"]], request)
        if request.kind == "token":
            return 200, self.shown(token, request)
        return 200, self._list(request, token["uuid"] == self.service)

    @staticmethod
    def shown(record: dict, request: Request) -> dict:
        select = json.loads(request.query["select"]) if "select" in request.query else None
        hidden = {"secret", "runtime_token", "trashed", "expires_at_s"}
        return {key: value for key, value in record.items() if key not in hidden and (select is None or key in select)}

    def rows_of(self, request: Request, privileged: bool) -> list[dict]:
        if request.kind == "links":
            return [link for link in self.links if privileged or link["owner_uuid"] in self.readable]
        if not privileged:
            return []
        if request.kind == "containers":
            return list(self.containers.values())
        if request.kind == "users":
            return list(self.users.values())
        if request.kind == "groups":
            return [group for group in self.groups.values() if not group["trashed"]]
        return [{"user_uuid": user, "target_uuid": group, "perm_level": "can_read", "traverse_owned": True}
                for user, group in self.members]

    def _list(self, request: Request, privileged: bool) -> dict:
        key = "target_uuid" if request.kind == "members" else "uuid"
        rows = [row for row in self.rows_of(request, privileged) if all(matches(row, one) for one in request.filters)]
        rows.sort(key=lambda row: row[key])
        limit = min(int(request.query.get("limit", 100)), self.page)
        page = {"items": [self.shown(row, request) for row in rows[:limit]], "limit": limit, "offset": 0}
        if request.query.get("count") == "exact":
            page["items_available"] = len(rows)
        return page
