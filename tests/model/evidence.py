"""The model's own reading of what Arvados answered: strict JSON, then each field by type and form. Written from the contract, not from the C code."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from urllib.parse import quote

from .arvados import SYSTEM_USER

NEVER = 2**62
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
UUID = re.compile(r"[0-9a-z]{5}-([0-9a-z]{5})-[0-9a-z]{15}", re.ASCII)
IMAGE = re.compile(r"[0-9a-f]{32}\+\d+", re.ASCII)
INT64 = range(-2**63, 2**63)


class Bad(Exception):
    """Carries the reasons that such an answer may be refused with."""

    def __init__(self, *reasons: str):
        super().__init__(*reasons)
        self.reasons = set(reasons)


def bad_answer() -> Bad:
    """A new one each time: an exception keeps the frames that it went through."""
    return Bad("upstream_bad_answer")


def is_uuid(text: object, infix: str) -> bool:
    found = UUID.fullmatch(text) if isinstance(text, str) else None
    return found is not None and found[1] == infix


def time_of(text: object) -> int | None:
    """Seconds since 1970, or None for what is no time."""
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    zone = 0
    if found[7] != "Z":
        hours, minutes = int(found[7][1:3]), int(found[7][4:6])
        if hours > 23 or minutes > 59:
            return None
        zone = (hours * 60 + minutes) * 60 * (-1 if found[7][0] == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None
    seconds = int(moment.timestamp()) - zone
    return seconds if year >= 1970 and second <= 60 and seconds >= 0 else None


DEPTH, DEPTH_OF_LINKS = 16, 110


def strict(body: bytes, lenient: bool = False) -> object:
    """`lenient`: of links, where anybody's notes stand in properties: as deep as Rails takes them, whole numbers as the nearest of 64 bits."""
    def once(pairs: list) -> dict:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    def no_constant(word: str):
        raise ValueError(word)

    def whole(text: str) -> int:
        number = int(text) if len(text) < 1000 else INT64.start if text.startswith("-") else INT64.stop
        if number not in INT64 and not lenient:
            raise ValueError("beyond 64 bits")
        return min(max(number, INT64.start), INT64.stop - 1)

    def check(value: object, depth: int) -> None:
        if isinstance(value, str):
            value.encode()  # a lone surrogate raises
            if "\0" in value:
                raise ValueError("NUL")
        if isinstance(value, (dict, list)):
            if depth == (DEPTH_OF_LINKS if lenient else DEPTH):
                raise ValueError("too deep")
            for part in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
                check(part, depth + 1)

    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant, parse_int=whole)
        check(document, 0)
    except (ValueError, RecursionError):
        raise bad_answer() from None
    return document


# ---- one field ----

def text(value: object) -> str:
    if not isinstance(value, str) or value == "" or len(value.encode()) > 4096:
        raise bad_answer()
    return value


def or_null(read):
    """null, and "" which the controller writes for it."""
    return lambda value: None if value is None or value == "" else read(value)


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise bad_answer()
    return value


def whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_answer()
    return value


def uuid(infix: str):
    def read(value: object) -> str:
        if not is_uuid(value, infix):
            raise bad_answer()
        return value
    return read


def image(value: object) -> str | None:
    """A portable data hash; any other text is an image that nothing is bound to."""
    return value if IMAGE.fullmatch(text(value)) else None


def moment(value: object) -> int:
    seconds = time_of(value)
    if seconds is None:
        raise bad_answer()
    return seconds


def short(limit: int):
    def read(value: object) -> str:
        if len(text(value).encode()) > limit:
            raise bad_answer()
        return value
    return read


def texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_answer()
    return value


def rows(value: object) -> list:
    if not isinstance(value, list):
        raise bad_answer()
    return value


CONTAINER = {"uuid": uuid("dz642"), "state": short(16), "auth_uuid": or_null(uuid("gj3su")), "runtime_user_uuid": or_null(uuid("tpzed")),
             "container_image": or_null(image), "started_at": or_null(moment), "interactive_session_started": boolean,
             "runtime_auth_scopes": lambda value: None if value is None else texts(value)}
OPTIONAL = {"runtime_auth_scopes"}
USER = {"uuid": uuid("tpzed"), "username": or_null(short(255)), "is_active": boolean, "is_admin": boolean}
TOKEN = {"uuid": uuid("gj3su"), "owner_uuid": uuid("tpzed"), "scopes": texts, "expires_at": or_null(moment)}
LINK = {"uuid": uuid("o0j2j")}
WRITTEN = ("owner_uuid", "link_class", "name", "tail_uuid", "head_uuid", "modified_by_user_uuid")
GROUP = {"uuid": short(27), "group_class": or_null(short(64))}
MEMBER = {"target_uuid": short(27), "user_uuid": short(27), "perm_level": short(16)}


def written(value: object) -> str | None:
    """What a user wrote into a link: of no use in another form, and then equal to nothing."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) and len(value.encode()) <= 1020 else "(unusable)"


def record(value: object, fields: dict) -> dict:
    if not isinstance(value, dict) or not fields.keys() - OPTIONAL <= value.keys():
        raise bad_answer()
    return {key: read(value.get(key)) for key, read in fields.items()}


# ---- asking ----

def says(body: bytes, word: str) -> bool:
    """Arvados' own words of a refusal."""
    try:
        document = strict(body)
    except Bad:
        return False
    errors = document.get("errors") if isinstance(document, dict) else None
    return isinstance(errors, list) and errors != [] and isinstance(errors[0], str) and word in errors[0].rsplit(": ", 1)[-1]


def judge(status: int, body: bytes, service: bool, missing: str | None, word: str | None) -> None:
    """Raises what a status means. `missing`: what a 404 means here, if it says `word`."""
    if status == 200:
        return
    if status in (401, 403):
        if service and status == 401:  # the second: if the token worked within the last hour
            raise Bad("service_token", "upstream_error")
        raise Bad("service_token" if service else "token_rejected" if status == 401 else "token_scope")
    if status == 404 and missing and (word is None or says(body, word)):
        raise Bad(missing)
    if status == 429 or (status == 503 and not body):
        raise Bad("upstream_busy")
    raise Bad("upstream_error" if status >= 500 else "upstream_bad_answer")


class Reader:
    """Asks the cluster what the contract says a login asks, in the model's own words."""

    def __init__(self, cluster, bearer: str, service: bool):
        self.cluster, self.bearer, self.service = cluster, bearer, service

    def get(self, path: str, missing: str | None = None, word: str | None = None, **query: str) -> object:
        target = f"/arvados/v1/{path}?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        status, body = self.cluster.answer(target, self.bearer)
        if 300 <= status < 400 or len(body) > 8 * 2**20:
            raise bad_answer()
        judge(status, body, self.service, missing, word)
        return strict(body, lenient=path == "links")

    def one(self, path: str, fields: dict, missing: str | None = None, label: str | None = None, word: str | None = None) -> dict:
        query = {"select": json.dumps(list(fields))} | ({"remote": label} if label else {})
        return record(self.get(path, missing, word, **query), fields)

    def single(self, path: str, fields: dict, attribute: str, value: str, absent: str) -> dict:
        """The one record with this uuid."""
        page = self.get(path, filters=json.dumps([[attribute, "=", value]]), select=json.dumps(list(fields)), count="none", limit="2")
        items = record(page, {"items": rows})["items"]
        if len(items) > 1:
            raise bad_answer()
        if not items:
            raise Bad(absent)
        found = record(items[0], fields)
        if found[attribute] != value:
            raise bad_answer()
        return found

    def prove_administrator(self, uuid: str) -> None:
        """A call that only an administrator may make."""
        page = self.get("users", filters=json.dumps([["uuid", "=", uuid]]), select=json.dumps(list(USER)), count="none", limit="2")
        record(page, {"items": rows})

    def links(self, link_class: str, owners: list[str], tail: list) -> list[dict]:
        """`tail` is the rest of a filter."""
        filters = [["link_class", "=", link_class], ["owner_uuid", "in", owners], ["tail_uuid", *tail]]
        incomplete = Bad("links_incomplete", "upstream_bad_answer")
        found: list[dict] = []
        for _ in range(64):
            here = filters + ([["uuid", ">", found[-1]["uuid"]]] if found else [])
            page = record(self.get("links", filters=json.dumps(here), order='["uuid asc"]', limit="1000", count="exact"),
                          {"items": rows, "items_available": whole})
            if self.service and not found:  # an administrator's token, or the list proves nothing
                users = self.get("users", filters=json.dumps([["uuid", "=", SYSTEM_USER]]), select=json.dumps(list(USER)), count="none", limit="2",
                                 bypass_federation="true")
                record(users, {"items": rows})
            items, available = page["items"], page["items_available"]
            if len(items) > 1000 or available < len(items) or (not items and available):
                raise incomplete
            if available > 10000 or len(found) + len(items) > 10000:
                raise incomplete
            for item in items:
                link = record(item, LINK)
                link |= {column: written(item.get(column, False)) for column in WRITTEN}
                link["properties"] = item.get("properties")
                if found and link["uuid"] <= found[-1]["uuid"]:
                    raise incomplete
                found.append(link)
            if available == len(items):
                return found
        raise incomplete

    def _list(self, path: str, key: str, fields: dict, asked: list[str], narrowed: tuple[str, str], word: str, words: tuple) -> list[str]:
        found: list[str] = []
        for _ in range(8):
            here = [[*narrowed[:1], "=", narrowed[1]], [key, "in", asked]] + ([[key, ">", found[-1]]] if found else [])
            page = record(self.get(path, "missing", filters=json.dumps(here), limit="1000", order=json.dumps([f"{key} asc"])),
                          {"items": rows, "limit": whole})
            if len(page["items"]) > page["limit"]:
                raise bad_answer()
            for item in page["items"]:
                row = record(item, fields)
                if row[key] not in asked or row[narrowed[0]] != narrowed[1] or (found and row[key] <= found[-1]) or (words and row[word] not in words):
                    raise bad_answer()
                found.append(row[key])
            if len(page["items"]) < page["limit"] or len(found) == len(asked):
                return found
        raise bad_answer()

    def members(self, user: str, asked: list[str]) -> list[str]:
        return self._list("computed_permissions", "target_uuid", MEMBER, asked, ("user_uuid", user), "perm_level", ("can_read", "can_write", "can_manage"))

    def roles(self, asked: list[str]) -> list[str]:
        return self._list("groups", "uuid", GROUP, asked, ("group_class", "role"), "group_class", ())
