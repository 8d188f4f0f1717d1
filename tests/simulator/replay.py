"""Replays recorded exchanges against a simulator and compares the answers.

What the server makes up (uuids, secrets, times) is translated or masked; the
rest of an answer must agree: status, framing, keys and their order, types,
null or empty, error texts.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from .models import infix_of
from .simulator import Simulator

Recorded = dict[str, Any]

RECORDINGS = Path(__file__).resolve().parent.parent / "data" / "arvados-recordings"

# Keys whose values the server makes up: their form is compared, not their text.
MADE_UP = frozenset(
    "etag created_at modified_at started_at finished_at expires_at trash_at delete_at error_token priority"
    " items_available".split()
)

# A list that was shortened in the recording ends with such a line.
_SHORTENED = re.compile(r"\.\.\. \d+ in all")
_REQUEST_ID = re.compile(r"\(req-[a-z0-9]{20}\)")


def load(name: str) -> list[Recorded]:
    rows: list[Recorded] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return rows


@dataclass
class Translation:
    """From what the recorded server made up to what the simulator made up."""

    known: dict[str, str] = field(default_factory=dict)

    def learn(self, recorded: str, ours: str) -> None:
        if recorded != ours:
            self.known.setdefault(recorded, ours)

    def apply(self, text: str) -> str:
        for recorded, ours in self.known.items():
            text = text.replace(recorded, ours)
        return text

    def learn_from(self, recorded: Any, ours: Any) -> None:
        """Pairs up uuids and secrets of two answers that describe the same record."""
        if not isinstance(recorded, dict) or not isinstance(ours, dict) or "items" in recorded:
            return
        for key, value in recorded.items():
            mine = ours.get(key)
            made = key == "api_token" or (infix_of(value) is not None and infix_of(value) == infix_of(mine))
            if made and isinstance(value, str) and isinstance(mine, str):
                self.learn(value, mine)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: Any
    size: int = 0

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Step = Callable[[Simulator, Translation], None]


class Replay:
    """All rows of one file, in order, against one simulator."""

    def __init__(self, sim: Simulator, steps: dict[str, Step], exact: bool) -> None:
        self._sim = sim
        self._steps = steps
        self._exact = exact
        self._translation = Translation()
        context = ssl.create_default_context(cafile=sim.ca_pem)
        self._connection = http.client.HTTPSConnection("localhost", sim.port, context=context, timeout=20)

    def run(self, rows: list[Recorded]) -> dict[str, list[str]]:
        """The differences of each row by its name; an empty list is agreement."""
        found: dict[str, list[str]] = {}
        for row in rows:
            if "request" in row:
                if row["name"] in self._steps:
                    self._steps[row["name"]](self._sim, self._translation)
                # Some names stand for several rows: all of them must agree.
                found.setdefault(row["name"], []).extend(self._compare(row["response"], self._ask(row["request"])))
        self._connection.close()
        return found

    def _ask(self, request: Recorded) -> Answer:
        target = self._translation.apply(str(request.get("target", request["path"])))
        body: str = json.dumps(request["body"]) if "body" in request else request.get("body_raw") or ""
        self._connection.putrequest(request["method"], target, skip_accept_encoding=True)
        for name, value in request["headers"].items():
            self._connection.putheader(name, self._translation.apply(value))
        encoded = self._translation.apply(body).encode()
        self._connection.putheader("Content-Length", str(len(encoded)))
        self._connection.endheaders(encoded)
        reply = self._connection.getresponse()
        data = reply.read()
        return Answer(reply.status, reply.getheaders(), _decode(data), len(data))

    # -- comparison ------------------------------------------------------------

    def _compare(self, recorded: Recorded, ours: Answer) -> list[str]:
        self._translation.learn_from(recorded["body"], ours.body)
        problems = [] if recorded["status"] == ours.status else [f"status {ours.status}, not {recorded['status']}"]
        problems += self._compare_headers(recorded, ours)
        self._diff(recorded["body"], ours.body, "", problems)
        return problems

    def _compare_headers(self, recorded: Recorded, ours: Answer) -> list[str]:
        theirs = Answer(0, [tuple(pair) for pair in recorded["headers"]], None)
        problems = []
        if theirs.all("Content-Type") != ours.all("Content-Type"):
            problems.append(f"Content-Type {ours.all('Content-Type')}, not {theirs.all('Content-Type')}")
        if len(theirs.all("X-Request-Id")) != len(ours.all("X-Request-Id")):
            problems.append(f"X-Request-Id {len(ours.all('X-Request-Id'))} times")
        framing = [bool(answer.all("Transfer-Encoding")) for answer in (theirs, ours)]
        if framing[0] != framing[1] and not _is_shortened(recorded["body"]):
            problems.append(f"Transfer-Encoding {ours.all('Transfer-Encoding')}")
        return problems + self._compare_bytes(recorded["body"], theirs.all("Content-Length"), ours)

    def _compare_bytes(self, recorded: Any, length: list[str], ours: Answer) -> list[str]:
        """The Go router ends with a newline and escapes &, < and >; Rails does neither."""
        if not length or not isinstance(recorded, dict) or not isinstance(ours.body, dict):
            return []
        extra, wanted = ours.size - _compact_size(ours.body), int(length[0]) - _compact_size(recorded)
        return [] if extra == wanted else [f"{extra} bytes of line end and escapes, not {wanted}"]

    def _diff(self, recorded: Any, ours: Any, where: str, problems: list[str]) -> None:
        if type(recorded) is not type(ours):
            problems.append(f"{where}: {_brief(ours)} in place of {_brief(recorded)}")
        elif isinstance(recorded, dict):
            self._diff_objects(recorded, ours, where, problems)
        elif isinstance(recorded, list):
            self._diff_lists(recorded, ours, where, problems)
        elif (bool(recorded) != bool(ours) and not self._loose(where)) or not self._same_text(recorded, ours, where):
            problems.append(f"{where}: {_brief(ours)} in place of {_brief(recorded)}")

    def _diff_objects(self, recorded: Recorded, ours: Recorded, where: str, problems: list[str]) -> None:
        if list(recorded) != list(ours):
            problems.append(f"{where}: keys {list(ours)} in place of {list(recorded)}")
            return
        for key in recorded:
            self._diff(recorded[key], ours[key], f"{where}.{key}", problems)

    def _diff_lists(self, recorded: list[Any], ours: list[Any], where: str, problems: list[str]) -> None:
        shortened = bool(recorded) and isinstance(recorded[-1], str) and _SHORTENED.fullmatch(recorded[-1])
        kept = recorded[:-1] if shortened else recorded
        if len(kept) > len(ours) or (not shortened and len(kept) != len(ours)):
            problems.append(f"{where}: {len(ours)} items in place of {len(kept)}")
        for number, (one, other) in enumerate(zip(kept, self._in_their_order(kept, ours))):
            self._diff(one, other, f"{where}[{number}]", problems)

    def _in_their_order(self, recorded: list[Any], ours: list[Any]) -> list[Any]:
        """Where uuids decide the order ours is another one, for ours are other uuids."""
        key = "target_uuid" if recorded and isinstance(recorded[0], dict) and "perm_level" in recorded[0] else "uuid"
        uuids: list[str] = [item.get(key, "") for item in recorded if isinstance(item, dict)]
        if len(set(uuids)) < max(2, len(uuids)) or "" in uuids or uuids not in (sorted(uuids), sorted(uuids, reverse=True)):
            return ours
        mine = {item.get(key): item for item in ours if isinstance(item, dict)}
        wanted = [mine.get(self._translation.apply(uuid)) for uuid in uuids]
        return ours if None in wanted else wanted

    def _loose(self, where: str) -> bool:
        """A flag or number may differ where only the form is compared."""
        return not self._exact or where.rpartition(".")[2] in MADE_UP

    def _same_text(self, recorded: Any, ours: Any, where: str) -> bool:
        key = where.rpartition(".")[2]
        if key == "error_token":
            return all(re.fullmatch(r"\d+\+[0-9a-f]{8}", text) for text in (recorded, ours))
        if key.endswith("_at"):
            return _time_form(recorded) == _time_form(ours)
        if key in MADE_UP:
            return True
        if where.startswith(".errors") and isinstance(recorded, str):
            return _mask(self._translation.apply(recorded)) == _mask(ours)
        if not self._exact:
            return True
        return bool((self._translation.apply(recorded) if isinstance(recorded, str) else recorded) == ours)


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def _compact_size(body: Any) -> int:
    """Without the line end and the escapes that only the Go router writes."""
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def _is_shortened(body: Any) -> bool:
    items = body.get("items") if isinstance(body, dict) else None
    return isinstance(items, list) and items != [] and isinstance(items[-1], str)


def _mask(text: str) -> str:
    return _REQUEST_ID.sub("(req)", text)


def _time_form(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\d", "9", text)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 200 else f"{text[:200]}…"
