"""The secrets of one data job: one KV document at ``<mount>/jobs/<team>/<job>``."""

from __future__ import annotations

import os
import re
from typing import Any, Mapping, Optional

from . import _default
from ._errors import ConfigurationError, Conflict, InvalidInput
from ._values import Sealed, Secrets, check_fields
from ._vault import Base

DEFAULT_PATH = "secret/jobs/{team}/{job}"
PATH_VARIABLE = "ARV_VAULT_JOB_PATH"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def _check_name(kind: str, name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{kind} {name!r:.100}: must be 1 to 128 characters out of A-Z a-z 0-9 . _ - and must not start with . or -"
        )
    return name


def _make_path(template: str, team: str, job: str) -> str:
    found = re.findall(r"\{([^{}]*)\}", template)
    if sorted(found) != ["job", "team"] or "{" in re.sub(r"\{(team|job)\}", "", template):
        raise ConfigurationError(f'job path "{template:.200}": must hold {{team}} and {{job}} once each, and no other braces')
    return template.replace("{team}", team).replace("{job}", job)


class Job:
    """The secrets of the data job `job` of `team`, with the three methods of the Versatile Data Kit's ``ISecrets``.

    `path` is the template of the place: ``ARV_VAULT_JOB_PATH`` in the environment, or ``secret/jobs/{team}/{job}``.
    `vault` is the connection to use: the one of the module by default.
    """

    def __init__(self, team: str, job: str, *, path: Optional[str] = None, vault: Optional[Base] = None) -> None:
        self.team = _check_name("team", team)
        self.name = _check_name("job", job)
        template = path or os.environ.get(PATH_VARIABLE) or DEFAULT_PATH
        self.path = _make_path(template, self.team, self.name)
        self._vault = vault
        self._version: Optional[int] = None

    def __repr__(self) -> str:
        return f"<Job team={self.team!r} job={self.name!r} path={self.path!r}>"

    def _connection(self) -> Base:
        return self._vault if self._vault is not None else _default.vault()

    def get_secret(self, name: str, default: Any = None) -> Any:
        """One secret of the job, or `default`."""
        return self.get_all_secrets().get(name, default)

    def get_all_secrets(self) -> Secrets:
        """All secrets of the job; an empty dict if none was ever stored."""
        reply = self._connection()._ask("get_all", Sealed({"path": self.path, "optional": True}))
        self._version = reply.get("version")
        return Secrets(reply.get("data") or {}, path=self.path, version=self._version)

    def set_all_secrets(self, secrets: Mapping[str, Any]) -> None:
        """Replaces all secrets of the job.

        Raises `Conflict` if another client changed them since this object read or wrote them last. Read them again then.
        """
        sealed = Sealed(secrets)
        version = secrets.version if isinstance(secrets, Secrets) and secrets.path == self.path else self._version
        del secrets
        check_fields(sealed, self.path)
        try:
            self._version = self._connection()._write(self.path, sealed, version, True)
        except Conflict:
            # Not even a second try replaces what nobody has read.
            self._version = version
            raise
        if isinstance(sealed.reveal(), Secrets):
            sealed.reveal().version = self._version
