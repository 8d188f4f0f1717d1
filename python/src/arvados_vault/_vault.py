"""A connection to the vault: one login for many reads and writes."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Type, Union

from . import _program
from ._child import Child, Ended
from ._errors import ConfigurationError, InvalidInput, SecretNotFound, VaultError
from ._values import Sealed, Secrets, check_fields, check_key, check_path, check_ref, check_value

_GOODBYE_S = 12.0
"""The client takes at most ten seconds to revoke its token."""


class _Missing:
    def __repr__(self) -> str:
        return "..."


MISSING: Any = _Missing()


class Login:
    """A Vault token of your own: it is not revoked when the `Vault` is closed. Its repr does not show the token."""

    def __init__(self, token: str, ttl: int, renewable: bool, policies: List[str]) -> None:
        self._token = Sealed(token)
        self.ttl = ttl
        self.renewable = renewable
        self.policies = policies

    @property
    def token(self) -> str:
        return str(self._token.reveal())

    def __repr__(self) -> str:
        return f"<Login ttl={self.ttl} renewable={self.renewable} policies={self.policies!r}>"


class Base:
    """What every vault can do: the real one, and the fake one of `arvados_vault.testing`."""

    def _ask(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        raise NotImplementedError

    def get_secret(self, ref: str, default: Any = MISSING) -> Any:
        """One field of a secret (``secret/genomics/db#password``), or a whole secret (``secret/genomics/db``).

        Returns `default`, if it is given, for a secret or field that does not exist. A secret that is forbidden still
        raises `Denied`.
        """
        check_ref(ref)
        try:
            reply = self._ask("get", Sealed({"ref": ref}))
        except SecretNotFound:
            if default is MISSING:
                raise
            return default
        if reply.get("absent"):  # of a reference that starts with "?"
            return None if default is MISSING else default
        if "data" in reply:
            return Secrets(reply["data"], path=ref.lstrip("?"), version=reply.get("version"))
        return reply["value"]

    def get_all_secrets(self, path: str) -> Secrets:
        """All fields of one secret. The result is a dict that remembers its version and does not print its values."""
        check_path(path)
        reply = self._ask("get_all", Sealed({"path": path}))
        return Secrets(reply["data"], path=path, version=reply.get("version"))

    def set_all_secrets(
        self, path: str, secrets: Mapping[str, Any], *, version: Optional[int] = None, check: bool = True
    ) -> Optional[int]:
        """Replaces one secret as a whole, all or nothing, and returns its new version.

        Raises `Conflict` if the stored version is not `version` (0: nothing is stored yet). The default is the version that
        `secrets` was read with if it comes from `get_all_secrets` of the same path, else the version that is current now.
        ``check=False`` replaces whatever is there; KV v1 has no other way.
        """
        sealed = Sealed(secrets)
        read_there = isinstance(secrets, Secrets) and secrets.path == path
        del secrets
        check_path(path)
        check_fields(sealed, path)
        if version is None and read_there:
            version = sealed.reveal().version
        new = self._write(path, sealed, version, check)
        if read_there:
            sealed.reveal().version = new
        return new

    def _write(self, path: str, fields: Sealed, version: Optional[int], check: bool) -> Optional[int]:
        if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
            raise InvalidInput(f"version: must be a whole number from 0 on, not {version!r:.40}")
        arguments: Dict[str, Any] = {"path": path, "data": dict(fields.reveal())}
        if not check:
            arguments["check"] = False
        elif version is not None:
            arguments["version"] = version
        sealed = Sealed(arguments)
        del arguments
        return self._ask("set_all", sealed).get("version")

    def put_secret(self, ref: str, value: Any) -> Optional[int]:
        """Changes one field (``secret/genomics/db#password``), keeps the others, and returns the new version.

        The secret is created if it does not exist. Raises `Conflict` if other clients keep changing it meanwhile.
        """
        sealed = Sealed(value)
        del value
        path, mark, field = check_ref(ref).partition("#")
        if not mark:
            raise InvalidInput(f'reference "{ref[:200]}": must name a field, as in secret/genomics/db#password')
        check_key(field, path)
        check_value(field, sealed, path)
        if sealed.reveal() is None:
            raise InvalidInput(f'{path}: the value of "{field:.100}" must not be None')
        return self._ask("put", Sealed({"ref": ref, "value": sealed.reveal()})).get("version")

    def whoami(self) -> Dict[str, Any]:
        """What the server says about the token: policies, TTL, metadata."""
        return self._ask("whoami", Sealed({}))

    def login(self) -> Login:
        """Logs in and returns the Vault token, for another client. It is yours: revoke it, or let it expire."""
        reply = self._ask("login", Sealed({}))
        return Login(reply["token"], reply["ttl"], reply["renewable"], reply["policies"])

    def close(self) -> None:
        """Ends the connection and revokes its token. A later call opens it again."""


class Vault(Base):
    """A connection with explicit settings. What is not given comes from the environment, as for ``arv-vault``.

    It logs in at the first call, keeps its token valid, and revokes it in `close`, at the end of a ``with`` block, or when the
    interpreter exits. Threads may share it: their requests are done one after the other. After a fork each process uses a
    connection of its own.

    `token` is a Vault token to use instead of a login; `arvados_token` is the Arvados token to log in with.
    """

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
        self._tokens = {
            "token-file": None if token is None else Sealed(token),
            "arvados-token-file": None if arvados_token is None else Sealed(arvados_token),
        }
        empty = [name for name, given in (("token", token), ("arvados_token", arvados_token)) if given == ""]
        del token, arvados_token
        if empty:
            raise ConfigurationError(f"{empty[0]}: is empty")
        settings = {
            "address": address,
            "mount": mount,
            "role": role,
            "namespace": namespace,
            "ca-cert": None if ca_cert is None else os.fspath(ca_cert),
            "timeout": timeout,
            "max-retries": max_retries,
        }
        self._settings = {name: str(value) for name, value in settings.items() if value is not None}
        self._quiet = quiet
        self._program = program
        self._start_afresh()
        _all.add(self)

    def _start_afresh(self) -> None:
        self._child: Optional[Child] = None
        # Held for a request. The same thread comes again only from a signal handler, and must not wait for itself.
        self._lock = threading.RLock()
        self._busy = False

    def __repr__(self) -> str:
        return f"<Vault {' '.join(f'{name}={value!r}' for name, value in self._settings.items()) or 'of the environment'}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Vault can't be pickled: it may hold a token; make one in each process")

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.close(_GOODBYE_S)

    # -- requests --

    def _open(self) -> Child:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        if self._quiet:
            options.append("--quiet")
        return Child(_program.find(self._program), options, self._tokens)

    def _ask(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        with self._lock:
            if self._busy:
                return self._ask_apart(operation, arguments)
            if self._child is not None and not self._child.is_running():
                self.close()
            try:
                return self._ask_once(operation, arguments)
            except Ended:
                # It ended before, or in the middle of, a request that changes nothing.
                if operation not in ("get", "get_all", "whoami"):
                    raise
            return self._ask_once(operation, arguments)

    def _ask_once(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        self._busy = True
        settings_are_wrong = False
        try:
            if self._child is None:
                self._child = self._open()
            return self._child.ask(operation, arguments)
        except VaultError as error:
            settings_are_wrong = type(error) is ConfigurationError
            raise
        finally:
            self._busy = False
            child = self._child
            # A half-done request leaves its answer in the pipe. After wrong settings the next call reads the environment again.
            if child is not None and (settings_are_wrong or not child.usable):
                self._child = None
                child.discard()

    def _ask_apart(self, operation: str, arguments: Sealed) -> Dict[str, Any]:
        """From a signal handler, while the same thread waits for an answer."""
        child = self._open()
        try:
            return child.ask(operation, arguments)
        finally:
            child.close(_GOODBYE_S)

    def _forget(self) -> None:
        """In a forked process."""
        child = self._child
        self._start_afresh()
        if child is not None:
            child.forget()


_all: weakref.WeakSet[Vault] = weakref.WeakSet()


def _after_fork() -> None:
    for vault in list(_all):
        vault._forget()


def _at_exit() -> None:
    for vault in list(_all):
        vault.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
