"""The plugin for the Versatile Data Kit: secrets of data jobs come from OpenBao or Vault.

Install ``arvados-vault[vdk]`` and set ``secrets_default_type = arvados-vault``; then ``job_input.get_secret``,
``get_all_secrets`` and ``set_all_secrets`` work unchanged.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from vdk.api.plugin.hook_markers import hookimpl
from vdk.api.plugin.plugin_input import ISecretsServiceClient
from vdk.internal.builtin_plugins.run.job_context import JobContext
from vdk.internal.core.config import ConfigurationBuilder

from ._job import DEFAULT_PATH, PATH_VARIABLE, Job
from ._values import Sealed

TYPE = "arvados-vault"
PATH_KEY = "arvados_vault_job_path"
_SELECTING_KEYS = ("secrets_default_type", "secrets_write_preprocess_sequence")


class SecretsClient(ISecretsServiceClient):
    """One for a run of a data job. It remembers the versions that it read, so that a write is check-and-set."""

    def __init__(self, path: Optional[str] = None) -> None:
        self._path = path
        self._jobs: Dict[Tuple[str, str], Job] = {}

    def _job(self, job_name: str, team_name: str) -> Job:
        key = (team_name, job_name)
        if key not in self._jobs:
            self._jobs[key] = Job(team_name, job_name, path=self._path)
        return self._jobs[key]

    def read_secrets(self, job_name: str, team_name: str) -> Dict[str, Any]:
        return self._job(job_name, team_name).get_all_secrets()

    def write_secrets(self, job_name: str, team_name: str, secrets: Dict[str, Any]) -> Dict[str, Any]:
        sealed = Sealed(secrets)
        del secrets
        self._job(job_name, team_name).set_all_secrets(dict(sealed.reveal()))
        return dict(sealed.reveal())


@hookimpl
def vdk_configure(config_builder: ConfigurationBuilder) -> None:
    """A hook of VDK: the options of the plugin."""
    config_builder.add(
        key=PATH_KEY,
        default_value="",
        description="Where the secrets of a data job are, with {team} and {job} in it. "
        f"The default is {PATH_VARIABLE} of the environment, then {DEFAULT_PATH}.",
    )


@hookimpl
def initialize_job(context: JobContext) -> None:
    """A hook of VDK: the secrets client of a job that selects one."""
    configuration = context.core_context.configuration
    # VDK chooses the only registered type by itself: a second one must not change the jobs that never asked for it.
    if not any(configuration.get_value(key) for key in _SELECTING_KEYS):
        return
    path = configuration.get_value(PATH_KEY) or None
    context.secrets.set_secrets_factory_method(TYPE, lambda: SecretsClient(path))
