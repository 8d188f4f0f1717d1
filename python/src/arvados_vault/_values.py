"""What may be read and written: references, paths, keys and values. Messages name the key, never the value."""

from __future__ import annotations

import math
import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from ._errors import InvalidInput

MAX_EXACT = 2**53
"""KV v2 stores numbers as floating-point values: larger whole numbers come back rounded."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


class Secrets(Dict[str, Any]):
    """The fields of one secret: a ``dict`` that does not show its values when it is printed or logged.

    ``version`` is the version that was read, 0 if nothing was ever stored there, and None if the storage has no versions.
    """

    def __init__(self, fields: Mapping[str, Any], *, path: str = "", version: Optional[int] = None) -> None:
        super().__init__(fields)
        self.path = path
        self.version = version

    def __repr__(self) -> str:
        return f"<Secrets path={self.path!r} version={self.version} fields={sorted(self)!r}>"

    __str__ = __repr__

    def __reduce__(self) -> Tuple[Any, ...]:
        return _remake, (dict(self), self.path, self.version)


def _remake(fields: Dict[str, Any], path: str, version: Optional[int]) -> Secrets:
    return Secrets(fields, path=path, version=version)


class Sealed:
    """A secret on its way to the client. It shows itself in no repr, and so in no traceback that prints local variables."""

    __slots__ = ("_reveal",)

    def __init__(self, value: Any) -> None:
        self._reveal: Callable[[], Any] = lambda: value

    def reveal(self) -> Any:
        return self._reveal()

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> Tuple[Any, ...]:
        raise TypeError("a sealed secret can't be pickled")


def check_path(path: object) -> str:
    if not isinstance(path, str):
        raise InvalidInput(f"path: must be a str, not {type(path).__name__}; write it like secret/genomics/db")
    if "#" in path:
        raise InvalidInput(f'path "{path[:200]}": must not have a "#FIELD" here; use get_secret or put_secret for one field')
    return path


def check_ref(ref: object) -> str:
    if not isinstance(ref, str):
        raise InvalidInput(f"reference: must be a str, not {type(ref).__name__}; write it like secret/genomics/db#password")
    return ref


def check_key(key: object, where: str) -> None:
    if not isinstance(key, str):
        raise InvalidInput(f"{where}: the key {key!r:.100} must be a str, not {type(key).__name__}")
    if key == "" or _UNPRINTABLE.search(key):
        raise InvalidInput(f"{where}: the key {key!r:.100} must not be empty or contain white space or control characters")


def _fault(value: object, depth: int = 0) -> str:
    """What is wrong with a value; "" if nothing is."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        if "\0" in value:
            return "must not contain a NUL character; encode binary data, for example with base64"
        try:
            value.encode()
        except UnicodeEncodeError:
            return "must be valid Unicode; encode binary data, for example with base64"
        return ""
    if isinstance(value, int):
        return "" if abs(value) <= MAX_EXACT else "must be between -2**53 and 2**53, or KV rounds it; store it as a str"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must be a finite number; store it as a str"
    if depth == 30:
        return "must have at most 30 levels of lists and dicts"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "must have only str as keys of its dicts"
        return next(filter(None, (_fault(part, depth + 1) for part in value.values())), "")
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_fault(part, depth + 1) for part in value)), "")
    if isinstance(value, (bytes, bytearray)):
        return "must be a str, not bytes; decode it, or encode it with base64"
    return f"must be a str, int, float, bool, list, dict or None, not {type(value).__name__}"


def check_value(key: str, value: Sealed, where: str) -> None:
    fault = _fault(value.reveal())
    if fault:
        raise InvalidInput(f'{where}: the value of "{key:.100}" {fault}')


def check_fields(fields: Sealed, where: str) -> None:
    if not isinstance(fields.reveal(), Mapping):
        raise InvalidInput(f"{where}: the secrets must be a dict of names and values, not {type(fields.reveal()).__name__}")
    for key in fields.reveal():
        check_key(key, where)
        check_value(key, Sealed(fields.reveal()[key]), where)
