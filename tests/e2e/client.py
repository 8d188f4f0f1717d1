"""arv-vault as a container, or an admin, runs it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from conftest import Mount, sanitizer_env
from host import new_name

SECRET = "geheim-7f3a9c5e1b2d"  # what must be nowhere but where it was asked for


def arv_vault_path() -> str:
    return os.environ["VPA_BUILD"] + "/bin/arv-vault"


@dataclass
class Client:
    """The environment of one container, with a KV mount beside the auth mount."""

    mount: Mount
    home: Path
    kv: str
    token: str
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **changes: str | None) -> dict[str, str]:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home),
            "BAO_ADDR": self.mount.bao.address, "BAO_CACERT": self.mount.bao.ca, "BAO_CLIENT_TIMEOUT": "20s",
            "SSL_CERT_FILE": self.mount.sim.ca_pem, "ARVADOS_API_HOST": self.mount.sim.host,
            "ARVADOS_API_TOKEN": self.token, "ARV_VAULT_MOUNT": self.mount.path,
            **sanitizer_env(self.home), **self.env, **changes,
        }
        return {key: value for key, value in env.items() if value is not None}

    def run(self, *arguments: str, stdin: str | bytes | None = None, env: dict[str, str | None] | None = None,
            **options) -> subprocess.CompletedProcess:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        feed = {} if given is None and "stdin_file" not in options else {"input": given}
        done = subprocess.run([arv_vault_path(), *arguments], capture_output=True, env=self.environment(**(env or {})),
                              timeout=120, check=False, cwd=self.home,
                              **({"stdin": subprocess.DEVNULL} if given is None else feed), **options)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def start(self, *arguments: str, env: dict[str, str | None] | None = None, **options) -> subprocess.Popen:
        return subprocess.Popen([arv_vault_path(), *arguments], env=self.environment(**(env or {})), cwd=self.home,
                                **options)

    def ok(self, *arguments: str, **options) -> str:
        done = self.run(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, status: int, *arguments: str, **options) -> str:
        """The words of a failure with that exit status; nothing was printed."""
        done = self.run(*arguments, **options)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert done.stdout in ("", f"(exit {status})\n") and SECRET not in done.stderr  # the second for eval, of env alone
        assert done.stderr.startswith("arv-vault: "), done.stderr
        return done.stderr

    # -- as a vault admin ----------------------------------------------------------

    def put(self, path: str, version: int = 2, **data: object) -> str:
        """Writes a secret; its path as arv-vault wants it."""
        body = {"data": data} if version == 2 else data
        middle = "data/" if version == 2 else ""
        answer = self.mount.bao.call("POST", f"{self.kv}/{middle}{path}", body)
        assert answer.status_code in (200, 204), answer.text
        return f"{self.kv}/{path}"

    def read(self, path: str) -> dict:
        answer = self.mount.bao.call("GET", f"{self.kv}/data/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def tokens_alive(self) -> int:
        return len(self.mount.bao.call("GET", "auth/token/accessors?list=true").json()["data"]["keys"])

    def policy(self, name: str, rules: str) -> None:
        assert self.mount.bao.call("POST", f"sys/policies/acl/{name}", {"policy": rules}).status_code == 204


def make_client(mount: Mount, home: Path, container, version: int = 2) -> Client:
    client = Client(mount, home, new_name("kv"), container.token)
    answer = mount.bao.call("POST", f"sys/mounts/{client.kv}", {"type": "kv", "options": {"version": str(version)}})
    assert answer.status_code == 204, answer.text
    client.policy("arvados-read", "\n".join(
        f'path "{client.kv}/{rest}" {{ capabilities = [{rights}] }}' for rest, rights in (
            ("data/open/*", '"read"'), ("open/*", '"read"'),
            ("data/mine/*", '"create", "read", "update"'),
            ("mine/*", '"create", "read", "update"'))))
    return client


def read_json(text: str) -> dict:
    return json.loads(text)
