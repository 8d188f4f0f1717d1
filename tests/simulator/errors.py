"""Refusals, as Arvados words them.

Rails messages get the request id appended and, behind the Go router, the
upstream URL in front; that is done where the answer is written (shapes.py).
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal by the Rails API: a status and one or more messages."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(status, *messages)
        self.status = status
        self.messages = list(messages)


class ControllerError(ApiError):
    """A refusal by the controller itself: no upstream URL, no request id."""


class BareError(ApiError):
    """`permissions/{uuid}` answers without request id and error_token."""


def not_logged_in() -> ApiError:
    return ApiError(401, "Not logged in")


def forbidden() -> ApiError:
    return ApiError(403, "Forbidden")


def not_found() -> ApiError:
    """Unknown path and unreadable object look the same (13.37)."""
    return ApiError(404, "Path not found")


def permission_denied(text: str = "ArvadosModel::PermissionDeniedError") -> ApiError:
    return ApiError(403, f"#<ArvadosModel::PermissionDeniedError: {text}>")


def argument_error(text: str) -> ApiError:
    return ApiError(422, f"#<ArgumentError: {text}>")


def invalid(*messages: str) -> ApiError:
    """Validation messages of a model."""
    return ApiError(422, *messages)
