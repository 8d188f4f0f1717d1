"""What a hostile, broken or foreign Arvados may answer: one lie at a time, told the same way to whoever asks."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from .arvados import ANONYMOUS_USER, OTHER_CLUSTER, SYSTEM_USER, uuid_of


@dataclass
class Lie:
    kind: str
    name: str
    tell: Callable = lambda cluster, request, status, document: (status, document)
    garble: Callable[[bytes], bytes] | None = None


MISSING = object()
# Of every type and form; some are harmless in some fields, and the model knows.
VALUES = [MISSING, None, "", " ", "x", True, False, 0, 1, -1, 2**63 - 1, 1.5, [], {}, ["all"], ["all", "all"], ["GET /"], [["all"]], "true", "Running",
          "Locked", "running", "Complete", "Cancelled", "Queued", SYSTEM_USER, ANONYMOUS_USER, uuid_of("tpzed", 1), uuid_of("tpzed", 2),
          uuid_of("tpzed", 1).upper(), uuid_of("tpzed", 1) + "\n", " " + uuid_of("tpzed", 1), uuid_of("tpzed", 1, OTHER_CLUSTER), uuid_of("dz642", 1),
          uuid_of("dz642", 2), uuid_of("gj3su", 1), uuid_of("gj3su", 2), uuid_of("4zz18", 1), uuid_of("o0j2j", 1), uuid_of("tpzed", 1)[:-1],
          uuid_of("tpzed", 1) + "0", "zzzzz-tpzed-00000000000000ä", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.123456789Z",
          "2030-01-01 00:00:00", "2030-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00",
          "fa3c1a9cb6783f85f2ecda037e07b8c3+167", "a" * 300, "a" * 5000, "\u2003", "can_manage", "role", "project"]
FIELDS = {
    "container": ["uuid", "state", "auth_uuid", "runtime_user_uuid", "container_image", "started_at", "interactive_session_started",
                  "runtime_auth_scopes"],
    "user": ["uuid", "is_active", "is_admin", "username"],
    "token": ["uuid", "owner_uuid", "scopes", "expires_at"],
    "links": ["uuid", "owner_uuid", "link_class", "name", "tail_uuid", "head_uuid", "modified_by_user_uuid", "properties"],
    "groups": ["uuid", "group_class"],
    "members": ["target_uuid", "user_uuid", "perm_level"],
}
# Right in form, and perhaps somebody else's: what only a comparison finds.
PLAUSIBLE: dict[str, list] = {
    "state": ["Running", "Locked", "Complete"],
    "auth_uuid": [uuid_of("gj3su", number) for number in range(1, 6)],
    "runtime_user_uuid": [uuid_of("tpzed", number) for number in range(1, 4)],
    "owner_uuid": [SYSTEM_USER, *(uuid_of("tpzed", number) for number in range(1, 4))],
    "interactive_session_started": [True, False],
    "is_active": [True, False],
    "is_admin": [True, False],
    "link_class": ["permission", "vault_policy", "secrets"],
    "tail_uuid": [uuid_of("tpzed", number) for number in range(1, 4)],
    "user_uuid": [uuid_of("tpzed", number) for number in range(1, 4)],
    "target_uuid": [uuid_of("j7d0g", number) for number in range(1, 5)],
    "name": ["arvados-a", "arvados-b"],
}
UUIDS = {"container": "dz642", "containers": "dz642", "user": "tpzed", "users": "tpzed", "token": "gj3su", "links": "o0j2j", "groups": "j7d0g"}
FIELDS["containers"], FIELDS["users"] = FIELDS["container"], FIELDS["user"]
LISTS = ("links", "groups", "members", "containers", "users")
STATUSES = [201, 204, 301, 302, 307, 400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504]


def replaced(record: dict, key: str, value: object) -> dict:
    return {**{k: v for k, v in record.items() if k != key}, **({} if value is MISSING else {key: value})}


def wrong_field(dice: random.Random, kind: str) -> Lie:
    key, value, where = dice.choice(FIELDS[kind]), dice.choice(VALUES), dice.random()
    likely = [uuid_of(UUIDS[kind], number) for number in range(1, 6)] if key == "uuid" else PLAUSIBLE.get(key)
    if likely and dice.random() < 0.5:
        value = dice.choice(likely)

    def tell(_cluster, _request, status, document):
        if status != 200:
            return status, document
        if kind not in LISTS:
            return status, replaced(document, key, value)
        items = list(document["items"])
        if items:
            at = int(where * len(items))
            items[at] = replaced(items[at], key, value)
        return status, {**document, "items": items}

    return Lie(kind, f"{kind}.{key} = {'missing' if value is MISSING else value!r}", tell)


def wrong_status(dice: random.Random, kind: str) -> Lie:
    status = dice.choice(STATUSES)
    body = dice.choice([b"", b"<html>", {"errors": ["no"]}, {"errors": ["no container"]}, {"errors": "no container"}, {"errors": [["no container"]]}, None])
    return Lie(kind, f"{kind}: {status}", lambda _c, _r, _s, document: (status, document if body is None else body))


def wrong_shape(dice: random.Random, kind: str) -> Lie:
    document = dice.choice([[], {}, None, "x", 1, True, {"items": None}, {"items": {}}, {"items": [None], "limit": 1000, "items_available": 1},
                            {"items": [], "items_available": 1, "limit": 1000}, {"items": [], "items_available": "0", "limit": "1000"}, {"error": "x"}])
    return Lie(kind, f"{kind} is {document!r}", lambda _c, _r, status, _d: (status, document if status == 200 else _d))


def in_text(body: bytes, text: bytes) -> bytes:
    """Puts `text` into the first text of the document."""
    at = body.find(b'": "')
    return body if at < 0 else body[:at + 4] + text + body[at + 4:]


def first_member(member: bytes) -> Callable[[bytes], bytes]:
    return lambda body: b"{" + member + b"," + body[1:] if body.startswith(b'{"') else body


GARBLES: dict[str, Callable[[bytes], bytes]] = {
    "trailing bytes": lambda body: body + b"x",
    "trailing NUL": lambda body: body + b"\0",
    "white space around": lambda body: b" \r\n\t" + body + b"\n",  # harmless
    "form feed before": lambda body: b"\f" + body,
    "BOM": lambda body: b"\xef\xbb\xbf" + body,
    "cut": lambda body: body[:-1],
    "cut in the middle": lambda body: body[:len(body) // 2],
    "empty": lambda body: b"",
    "twice": lambda body: body + body,
    "single quotes": lambda body: body.replace(b'"', b"'"),
    "NaN": first_member(b'"extra": NaN'),
    "Infinity": first_member(b'"extra": -Infinity'),
    "beyond 64 bits": first_member(b'"extra": 9223372036854775808'),
    "leading zero": first_member(b'"extra": 01'),
    "a comment": first_member(b'/* x */"extra": 1'),
    "trailing comma": lambda body: body[:-1] + b",}" if body.endswith(b"}") else body,
    "a harmless member": first_member(b'"extra": [1, -2.5e3, {"a": null}]'),
    "a key twice": first_member(b'"uuid": "x", "uuid": "x"'),
    "a key in another spelling": first_member(b'"extra": 1, "\\u0065xtra": 2'),
    "a key with NUL": first_member(b'"uuid\\u0000x": "y"'),
    "depth 16": first_member(b'"extra": ' + b"[" * 15 + b"]" * 15),  # harmless
    "depth 17": first_member(b'"extra": ' + b"[" * 16 + b"]" * 16),
    "depth 110": first_member(b'"extra": ' + b"[" * 109 + b"]" * 109),
    "depth 111": first_member(b'"extra": ' + b"[" * 110 + b"]" * 110),
    "depth 100000": first_member(b'"extra": ' + b"[" * 100000 + b"]" * 100000),
    "overlong UTF-8": lambda body: in_text(body, b"\xc0\xaf"),
    "bad UTF-8": lambda body: in_text(body, b"\xff"),
    "UTF-8 surrogate": lambda body: in_text(body, b"\xed\xa0\x80"),
    "lone surrogate": lambda body: in_text(body, b"\\ud800"),
    "escaped NUL": lambda body: in_text(body, b"\\u0000"),
    "raw control": lambda body: in_text(body, b"\x01"),
    "raw newline": lambda body: in_text(body, b"\n"),
    "bad escape": lambda body: in_text(body, b"\\x41"),
    "escaped ASCII": lambda body: body.replace(b'"uuid"', b'"\\u0075uid"'),  # harmless
}


def garbled(dice: random.Random, kind: str) -> Lie:
    name = dice.choice(list(GARBLES))
    return Lie(kind, f"{kind}: {name}", garble=GARBLES[name])


def list_lie(dice: random.Random, kind: str) -> Lie:
    name = dice.choice(["filters ignored", "filters ignored", "filters ignored", "repeated", "backwards", "one twice", "one too few", "count off", "count below", "limit off", "strangers", "shuffled"])
    other = dice.randrange(1, 4)

    def tell(cluster, request, status, document):
        if status != 200:
            return status, document
        items, changed = document["items"], {}
        if name == "filters ignored":
            key = "target_uuid" if kind == "members" else "uuid"
            after = [operand for attribute, comparison, operand in request.filters if (attribute, comparison) == (key, ">")]
            rows = sorted(cluster.rows_of(request, True), key=lambda row: row[key])
            items = [cluster.shown(row, request) for row in rows if not after or row[key] > after[0]]
            changed = {"items_available": len(items)} if "items_available" in document else {}
            changed["limit"] = max(len(items), document["limit"])
        elif name == "repeated":
            items = items + items
        elif name == "backwards":
            items = items[::-1]
        elif name == "one twice":
            items = items[:1] + items
        elif name == "one too few":
            items = items[1:]
        elif name == "shuffled":
            items = items[other:] + items[:other]
        elif name == "count off":
            changed = {"items_available": document.get("items_available", 0) + other}
        elif name == "count below":
            changed = {"items_available": -other}
        elif name == "limit off":
            changed = {"limit": other - 2}
        elif items:
            items = [*items[:-1], {key: (value[::-1] if isinstance(value, str) else value) for key, value in items[-1].items()}]
        return status, {**document, "items": items, **changed}

    return Lie(kind, f"{kind}: {name}", tell)


def make_lie(dice: random.Random) -> Lie:
    kind = dice.choice(["container", "user", "token", "links", "links", "groups", "members", "containers", "users"])
    makers = [wrong_field] * 5 + [wrong_status, garbled, garbled, wrong_shape] + ([list_lie] * 4 if kind in LISTS else [])
    return dice.choice(makers)(dice, kind)
