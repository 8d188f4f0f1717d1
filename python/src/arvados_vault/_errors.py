"""The exceptions of this package, one for each class of exit statuses of ``arv-vault``."""

from __future__ import annotations

from typing import Dict, Optional, Type


class VaultError(Exception):
    """The base of all exceptions of this package. Its text never holds a secret.

    ``reason`` is the stable word for the cause, and ``exit_status`` is what ``arv-vault`` exits with for it.
    """

    retryable = False
    """Whether the same call may succeed later without any change."""

    exit_status = 70
    reason = "internal"

    def __init__(self, message: str, *, reason: Optional[str] = None, exit_status: Optional[int] = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason
        if exit_status is not None:
            self.exit_status = exit_status


class InvalidInput(VaultError, ValueError):
    """A reference, a key or a value is not valid. The message names it and what to do."""

    exit_status = 64
    reason = "usage"


class SecretNotFound(VaultError, LookupError):
    """There is no such secret, or it has no such field."""

    exit_status = 66
    reason = "secret_missing"


class Denied(VaultError):
    """The login was refused, or the policies of the token do not allow the operation."""

    exit_status = 77
    reason = "forbidden"


class Unavailable(VaultError):
    """The server was not reached, was busy or did not answer in time. The client has retried already; try again later."""

    retryable = True
    exit_status = 75
    reason = "upstream_unreachable"


class Conflict(VaultError):
    """Another client changed the secret since it was read. Read it again, apply the change, and write it again."""

    exit_status = 75
    reason = "version_conflict"


class ConfigurationError(VaultError):
    """The configuration on this side is wrong: the address, a certificate, a token, or the ``arv-vault`` program."""

    exit_status = 78
    reason = "local_config"


class ServerRefused(ConfigurationError):
    """The server refuses because of its own configuration: an unknown role, or a mount that is not configured."""

    exit_status = 69
    reason = "vault_refuses"


class InternalError(VaultError):
    """A failure of ``arv-vault`` itself, or of a local file."""


_BY_STATUS: Dict[int, Type[VaultError]] = {
    64: InvalidInput,
    66: SecretNotFound,
    69: ServerRefused,
    75: Unavailable,
    77: Denied,
    78: ConfigurationError,
}


def from_status(exit_status: int, reason: str, message: str) -> VaultError:
    """The exception for an exit status of ``arv-vault``."""
    kind = Conflict if reason == Conflict.reason else _BY_STATUS.get(exit_status, InternalError)
    return kind(message, reason=reason, exit_status=exit_status)
