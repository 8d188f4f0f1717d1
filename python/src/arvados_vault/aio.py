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
from typing import Any, Callable, Dict, Mapping, Optional, Type, TypeVar, Union

from . import _default
from ._values import Secrets
from ._vault import MISSING, Base, Login
from ._vault import Vault as _Vault

__all__ = ["Vault", "close", "get_all_secrets", "get_secret", "login", "put_secret", "set_all_secrets", "whoami"]

T = TypeVar("T")


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


class Vault(_Asynchronous):
    """A connection with explicit settings, as `arvados_vault.Vault`."""

    def __init__(
        self,
        *,
        address: Optional[str] = None,
        mount: Optional[str] = None,
        role: Optional[str] = None,
        namespace: Optional[str] = None,
        ca_cert: Union[str, os.PathLike[str], None] = None,
        token: Optional[str] = None,
        arvados_token: Optional[str] = None,
        timeout: Union[int, str, None] = None,
        max_retries: Optional[int] = None,
        quiet: bool = False,
        program: Optional[str] = None,
    ) -> None:
        super().__init__()
        self._vault = _Vault(
            address=address,
            mount=mount,
            role=role,
            namespace=namespace,
            ca_cert=ca_cert,
            token=token,
            arvados_token=arvados_token,
            timeout=timeout,
            max_retries=max_retries,
            quiet=quiet,
            program=program,
        )

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


def _hidden(call: functools.partial[T]) -> Callable[[], T]:
    """A partial shows its arguments in its repr; a function does not."""

    def run() -> T:
        return call()

    return run


_shared = _Shared()
get_secret = _shared.get_secret
get_all_secrets = _shared.get_all_secrets
set_all_secrets = _shared.set_all_secrets
put_secret = _shared.put_secret
whoami = _shared.whoami
login = _shared.login
close = _shared.close
