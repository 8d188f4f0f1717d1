"""Secrets from OpenBao or Vault for Arvados jobs, with the login of the job's own Arvados token.

    >>> import arvados_vault
    >>> password = arvados_vault.get_secret("secret/genomics/db#password")

The functions here share one connection: it logs in once, keeps its token valid, and revokes it when the interpreter exits.
`Vault` has the same functions as methods, with explicit settings. `arvados_vault.aio` has them for asyncio, and
`arvados_vault.testing` has a vault in memory for tests.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from . import _default
from ._errors import (
    ConfigurationError,
    Conflict,
    Denied,
    InternalError,
    InvalidInput,
    SecretNotFound,
    ServerRefused,
    Unavailable,
    VaultError,
)
from ._job import Job
from ._values import Secrets
from ._vault import MISSING, Login, Vault

__all__ = [
    "ConfigurationError",
    "Conflict",
    "Denied",
    "InternalError",
    "InvalidInput",
    "Job",
    "Login",
    "SecretNotFound",
    "Secrets",
    "ServerRefused",
    "Unavailable",
    "Vault",
    "VaultError",
    "close",
    "get_all_secrets",
    "get_secret",
    "login",
    "put_secret",
    "set_all_secrets",
    "whoami",
]


def get_secret(ref: str, default: Any = MISSING) -> Any:
    return _default.vault().get_secret(ref, default)


def get_all_secrets(path: str) -> Secrets:
    return _default.vault().get_all_secrets(path)


def set_all_secrets(path: str, secrets: Mapping[str, Any], *, version: Optional[int] = None, check: bool = True) -> Optional[int]:
    sealed = {"secrets": secrets}
    del secrets
    return _default.vault().set_all_secrets(path, sealed.pop("secrets"), version=version, check=check)


def put_secret(ref: str, value: Any) -> Optional[int]:
    sealed = {"value": value}
    del value
    return _default.vault().put_secret(ref, sealed.pop("value"))


def whoami() -> Dict[str, Any]:
    return _default.vault().whoami()


def login() -> Login:
    return _default.vault().login()


def close() -> None:
    """Ends the shared connection and revokes its token. The next call opens it again, with the environment as it is then."""
    _default.vault().close()


# Tracebacks name the classes as their users do.
for _class in (
    ConfigurationError,
    Conflict,
    Denied,
    InternalError,
    InvalidInput,
    SecretNotFound,
    ServerRefused,
    Unavailable,
    VaultError,
):
    _class.__module__ = __name__
for _function in (get_secret, get_all_secrets, set_all_secrets, put_secret, whoami, login):
    _function.__doc__ = getattr(Vault, _function.__name__).__doc__
del _class, _function
