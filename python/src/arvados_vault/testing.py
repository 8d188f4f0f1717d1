"""A vault in memory, for tests: the same functions and the same exceptions, without a server or a program.

from arvados_vault.testing import FakeVault, use

def test_connects():
    with use(FakeVault({"secret/genomics/db": {"password": "correct horse"}})):
        assert connect().is_open
"""

from __future__ import annotations

import contextlib
import copy
import threading
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from . import _default
from ._errors import Conflict, Denied, InvalidInput, SecretNotFound, Unavailable
from ._values import Sealed
from ._vault import Base

__all__ = ["FakeVault", "use"]


class FakeVault(Base):
    """Behaves as one KV v2 store. `secrets` are its contents: a dict of paths to dicts of fields.

    Paths that start with one of `denied` raise `Denied`. ``unavailable = True`` makes every call raise `Unavailable`.
    `calls` lists what was asked, as pairs of an operation and a path.
    """

    def __init__(self, secrets: Optional[Mapping[str, Mapping[str, Any]]] = None, *, denied: Iterable[str] = ()) -> None:
        self._documents: Dict[str, Tuple[int, Dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.denied = tuple(denied)
        self.unavailable = False
        self.calls: List[Tuple[str, str]] = []
        for path, fields in (secrets or {}).items():
            self.set_all_secrets(path, fields)
        self.calls.clear()

    def __repr__(self) -> str:
        return f"<FakeVault paths={sorted(self._documents)!r}>"

    def __enter__(self) -> FakeVault:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _ask(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        given: Sealed = Sealed(copy.deepcopy(arguments.reveal()))
        path = str(given.reveal().get("ref", given.reveal().get("path", "")))
        path = path.split("#", maxsplit=1)[0].lstrip("?")
        path = path.strip("/")
        with self._lock:
            self.calls.append((operation, path))
            self._check(operation, path)
            reply: Dict[str, Any] = getattr(self, "_do_" + operation)(path, given)
            return copy.deepcopy(reply)

    def _check(self, operation: str, path: str) -> None:
        if self.unavailable:
            raise Unavailable("the server was not reached")
        if operation in ("whoami", "login"):
            return
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise InvalidInput(f'path "{path}": write it like secret/genomics/db', reason="usage")
        if path.startswith(self.denied or ("\0",)):
            raise Denied(f"the token's policies do not allow {operation} at {path}")

    def _read(self, path: str) -> Tuple[int, Dict[str, Any]]:
        if path not in self._documents:
            raise SecretNotFound(f"there is no secret at {path}")
        return self._documents[path]

    def _do_get(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        ref = arguments.reveal()["ref"]
        field = ref.partition("#")[2]
        try:
            version, fields = self._read(path)
            if field and fields.get(field) is None:
                raise SecretNotFound(f"the secret at {path} has no field {field}")
        except SecretNotFound:
            if not ref.startswith("?"):
                raise
            return {"absent": True}
        return {"value": fields[field], "version": version} if field else {"data": fields, "version": version}

    def _do_get_all(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        if arguments.reveal().get("optional") and path not in self._documents:
            return {"version": 0}
        version, fields = self._read(path)
        return {"data": fields, "version": version}

    def _do_set_all(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        current = self._documents.get(path, (0, {}))[0]
        expected = arguments.reveal().get("version", current)
        if expected != current and arguments.reveal().get("check", True):
            raise Conflict(f"{path} is not in the version that was expected ({expected}): another client wrote it; read it again")
        self._documents[path] = (current + 1, arguments.reveal()["data"])
        return {"version": current + 1}

    def _do_put(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        version, fields = self._documents.get(path, (0, {}))
        field = arguments.reveal()["ref"].partition("#")[2]
        self._documents[path] = (version + 1, {**fields, field: arguments.reveal()["value"]})
        return {"version": version + 1}

    def _do_whoami(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        return {"display_name": "arvados-fake", "policies": ["default"], "ttl": 900, "meta": {}}

    def _do_login(self, path: str, arguments: Sealed) -> Dict[str, Any]:
        return {"token": "s.fake", "ttl": 900, "renewable": True, "policies": ["default"]}


@contextlib.contextmanager
def use(vault: Base) -> Iterator[Base]:
    """Makes `vault` the connection that the functions of `arvados_vault` and `Job` use, inside of a ``with`` block."""
    before = _default.replace(vault)
    try:
        yield vault
    finally:
        _default.replace(before)
