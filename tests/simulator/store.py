"""The state of one simulated cluster: rows in memory, one lock, one clock."""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
import re
import secrets
import string
import threading
import time
from typing import Any, Iterator

from .models import BY_INFIX, MODELS, TOKEN, Model, infix_of

Row = dict[str, Any]

ALPHABET = string.digits + string.ascii_lowercase

# Columns that never appear changed to the client: used by "did anything change".
_STAMPS = frozenset({"modified_at", "modified_by_user_uuid"})


def _in_base36(number: int) -> str:
    out = ""
    while number:
        number, rest = divmod(number, 36)
        out = ALPHABET[rest] + out
    return out


def base36(length: int) -> str:
    return _in_base36(secrets.randbelow(36**length)).rjust(length, "0")


def format_time(micros: int) -> str:
    """Always nine fraction digits, as the real answers have them."""
    seconds, rest = divmod(micros, 1_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{rest:06d}000Z"


def parse_time(text: Any) -> int | None:
    """Microseconds, or None for what Rails cannot read (13.33: it becomes null)."""
    if not isinstance(text, str):
        return None
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.strip()).replace("Z", "+00:00")
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp() * 1_000_000)


class Store:
    def __init__(self, cluster_id: str) -> None:
        self.cluster_id = cluster_id
        self.lock = threading.RLock()
        self.version = 0
        self.clock_offset = 0.0
        self._last = 0
        self._tables: dict[str, dict[str, Row]] = {model.infix: {} for model in MODELS}
        # Objects of kinds that are not served, so that links may point at them.
        self.strangers: set[str] = set()

    # -- clock ---------------------------------------------------------------

    def micros(self) -> int:
        return int((time.time() + self.clock_offset) * 1_000_000)

    def now(self) -> str:
        """Strictly increasing, so that the default order is the order of change."""
        self._last = max(self._last + 1, self.micros())
        return format_time(self._last)

    def expired(self, moment: str | None) -> bool:
        limit = parse_time(moment)
        return limit is not None and limit <= self.micros()

    # -- rows ----------------------------------------------------------------

    def well_known(self, infix: str, tail: str) -> str:
        return f"{self.cluster_id}-{infix}-{tail}"

    @property
    def system_user(self) -> str:
        return self.well_known("tpzed", "000000000000000")

    def new_uuid(self, model: Model) -> str:
        return self.well_known(model.infix, base36(15))

    def insert(self, model: Model, row: Row) -> Row:
        full = model.blank()
        full.update(row)
        full["uuid"] = full.get("uuid") or self.new_uuid(model)
        self._tables[model.infix][full["uuid"]] = full
        self.version += 1
        return full

    def rows(self, model: Model) -> Iterator[Row]:
        return iter(list(self._tables[model.infix].values()))

    def get(self, uuid: Any, model: Model | None = None) -> Row | None:
        infix = infix_of(uuid)
        if infix not in BY_INFIX or (model is not None and model.infix != infix):
            return None
        return self._tables[infix].get(uuid)

    def exists(self, uuid: str) -> bool:
        return self.get(uuid) is not None or uuid in self.strangers

    def update(self, row: Row, changes: Row, by: str | None) -> bool:
        """Write what differs; says whether anything did."""
        changed = {k: v for k, v in changes.items() if row.get(k) != v}
        if not changed:
            return False
        row.update(copy.deepcopy(changed))
        if by is not None and not changed.keys() <= _STAMPS:
            row["modified_by_user_uuid"] = by
            row["modified_at"] = self.now()
        self.version += 1
        return True

    def rename(self, old: str, new: str) -> None:
        table = self._tables[infix_of(old) or ""]
        table[new] = table.pop(old)
        for model in MODELS:
            for row in self._tables[model.infix].values():
                row.update({key: new for key, value in row.items() if value == old})
        self.version += 1

    def delete(self, uuid: str) -> None:
        self._tables[infix_of(uuid) or ""].pop(uuid)
        self.version += 1

    def new_token(self, owner: str, scopes: list[str], **more: Any) -> Row:
        row = {"owner_uuid": owner, "scopes": list(scopes), "api_token": base36(50), "created_at": self.now()}
        return self.insert(TOKEN, {**row, **more})


def etag(row: Row) -> str:
    """25 characters of base 36 that change with the row."""
    digest = hashlib.md5(json.dumps(row, sort_keys=True, default=str).encode()).digest()
    return _in_base36(int.from_bytes(digest, "big"))
