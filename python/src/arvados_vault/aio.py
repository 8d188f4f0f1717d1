"""The functions of `arvados_vault` for asyncio.

    async with aio.Vault(role="training") as vault:
        password = await vault.get_secret("secret/genomics/db#password")

Requests of one connection are done one after the other in a thread of its own, so the event loop never waits.
"""

from __future__ import annotations

import asyncio
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Type, TypeVar

from . import _default
from ._values import Secrets
from ._vault import MISSING, Base, Login
from ._vault import Vault as _Vault

__all__ = ["Vault", "close", "get_all_secrets", "get_secret", "login", "put_secret", "set_all_secrets", "whoami"]

if TYPE_CHECKING:
    from typing import Concatenate, ParamSpec  # Python 3.10; the package runs on older ones too

    P = ParamSpec("P")
T = TypeVar("T")


def _hidden(call: functools.partial[T]) -> Callable[[], T]:
    """A partial shows its arguments in its repr; a function does not."""

    def run() -> T:
        return call()

    return run


class _Worker:
    """One thread, and another one in a forked process."""

    def __init__(self) -> None:
        self._pid = 0
        self._executor: Optional[ThreadPoolExecutor] = None

    async def run(self, call: Callable[[], T]) -> T:
        if self._executor is None or self._pid != os.getpid():
            self._executor = ThreadPoolExecutor(1, "arvados_vault")
            self._pid = os.getpid()
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def end(self) -> None:
        if self._executor is not None and self._pid == os.getpid():
            self._executor.shutdown(wait=False)
        self._executor = None


class _Asynchronous:
    def __init__(self) -> None:
        self._worker = _Worker()

    def _connection(self) -> Base:
        raise NotImplementedError

    async def get_secret(self, ref: str, default: Any = MISSING) -> Any:
        return await self._worker.run(functools.partial(self._connection().get_secret, ref, default))

    async def get_all_secrets(self, path: str) -> Secrets:
        return await self._worker.run(functools.partial(self._connection().get_all_secrets, path))

    async def set_all_secrets(
        self, path: str, secrets: Mapping[str, Any], *, version: Optional[int] = None, check: bool = True
    ) -> Optional[int]:
        call = functools.partial(self._connection().set_all_secrets, path, secrets, version=version, check=check)
        del secrets
        return await self._worker.run(_hidden(call))

    async def put_secret(self, ref: str, value: Any) -> Optional[int]:
        call = functools.partial(self._connection().put_secret, ref, value)
        del value
        return await self._worker.run(_hidden(call))

    async def whoami(self) -> Dict[str, Any]:
        return await self._worker.run(self._connection().whoami)

    async def login(self) -> Login:
        return await self._worker.run(self._connection().login)

    async def close(self) -> None:
        try:
            await self._worker.run(self._connection().close)
        finally:
            self._worker.end()


def _as_the_class(synchronous: Callable[P, _Vault]) -> Callable[Concatenate[Vault, P], None]:
    """An `__init__` with the settings of the synchronous class."""

    @functools.wraps(synchronous.__init__)
    def init(self: Vault, /, *args: P.args, **settings: P.kwargs) -> None:
        make = _hidden(functools.partial(synchronous, *args, **settings))
        del args, settings  # a traceback shows variables
        _Asynchronous.__init__(self)
        self._vault = make()

    return init


class Vault(_Asynchronous):
    """A connection with explicit settings, as `arvados_vault.Vault`."""

    _vault: _Vault
    __init__ = _as_the_class(_Vault)

    def _connection(self) -> Base:
        return self._vault

    def __repr__(self) -> str:
        return f"<asynchronous {self._vault!r}>"

    async def __aenter__(self) -> Vault:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()


class _Shared(_Asynchronous):
    """The connection that the functions of `arvados_vault` share."""

    def _connection(self) -> Base:
        return _default.vault()


_shared = _Shared()
get_secret = _shared.get_secret
get_all_secrets = _shared.get_all_secrets
set_all_secrets = _shared.set_all_secrets
put_secret = _shared.put_secret
whoami = _shared.whoami
login = _shared.login
close = _shared.close
