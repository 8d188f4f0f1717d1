"""One simulated Arvados cluster behind a TLS port, and what tests do to it.

The helpers go through the same rules as the port does; only `force` and
`advance` reach behind them, as SQL and time would.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import fixtures
from .certs import Certificates
from .controller import Controller
from .faults import Faults
from .messages import Reply, Request
from .models import LINK, TOKEN, infix_of
from .rails import Rails
from .requestlog import RequestLog
from .server import Server
from .store import Row, Store
from .tokens import Authenticator, salted, v2_form

Json = dict[str, Any]


class CallFailed(AssertionError):
    """A helper's own request was refused."""

    def __init__(self, method: str, path: str, reply: Reply) -> None:
        super().__init__(f"{method} {path}: {reply.status} {reply.body.decode('utf-8', 'replace')}")
        self.status = reply.status


@dataclass(frozen=True)
class RunningContainer:
    """A container and its run token in the four-part form that crunch-run hands out."""

    uuid: str
    token: str
    token_uuid: str
    user_uuid: str
    request_uuid: str

    @property
    def v2(self) -> str:
        """The token without the container's uuid."""
        return "/".join(self.token.split("/")[:3])

    @property
    def secret(self) -> str:
        return self.token.split("/")[2]


class Simulator:
    def __init__(
        self,
        cluster_id: str = "zzzzz",
        port: int = 0,
        tls: str = "normal",
        directory: Path | str | None = None,
    ) -> None:
        self.cluster_id = cluster_id
        self.tls = tls
        self.store = Store(cluster_id)
        fixtures.load(self.store)
        self.log = RequestLog(self._secrets)
        self.faults = Faults(self._token_uuid)
        self._rails = Rails(self.store)
        self._controller = Controller(self._rails)
        self._server = Server(self._controller.handle, self.log, self.faults)
        self._port = port
        self._own_directory = directory is None
        self.directory = Path(directory) if directory is not None else Path(tempfile.mkdtemp(prefix="arvados-sim-"))
        self._certificates = Certificates(self.directory)

    # -- life ----------------------------------------------------------------

    def start(self, tls: str | None = None) -> "Simulator":
        """Opens the port: a free one the first time, the same one from then on."""
        self.tls = tls or self.tls
        self._server.start(self._certificates.context(self.tls), self._port)
        self._port = self._server.port
        self._rails.base_url = self.url
        return self

    def stop(self) -> None:
        """Closes the port and all connections; the state stays."""
        self._server.stop()

    def reopen(self, tls: str | None = None) -> None:
        self.stop()
        self.start(tls)

    def drop_connections(self) -> None:
        self._server.drop_connections()

    def close(self) -> None:
        self.faults.clear()
        self.stop()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "Simulator":
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        return self._port

    @property
    def host(self) -> str:
        return f"localhost:{self._port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def ca_pem(self) -> str:
        return str(self._certificates.ca_pem)

    # -- names -----------------------------------------------------------------

    @property
    def system_user(self) -> str:
        return self.store.system_user

    @property
    def all_users(self) -> str:
        return self.uuid("j7d0g", fixtures.ALL_USERS)

    @property
    def root_token(self) -> str:
        """The SystemRootToken, in the bare form the configuration holds."""
        return fixtures.ROOT_SECRET

    @property
    def admin_token(self) -> str:
        return self.token("admin")

    @property
    def active_token(self) -> str:
        return self.token("active")

    @property
    def anonymous_token(self) -> str:
        return fixtures.ANONYMOUS_SECRET

    def token(self, name: str) -> str:
        """The v2 form of a fixture token; see fixtures.TOKENS for the names."""
        return fixtures.token_v2(name, self.cluster_id)

    def user(self, name: str) -> str:
        """The uuid of a fixture user (see fixtures.USERS), or the uuid itself."""
        return name if infix_of(name) else fixtures.user_uuid(name, self.cluster_id)

    def uuid(self, infix: str, tail: str) -> str:
        return self.store.well_known(infix, tail)

    def salted(self, token: str, remote: str) -> str:
        """A v2 token salted for a remote cluster; a container uuid behind it stays."""
        parts = token.split("/")
        return "/".join([*parts[:2], salted(parts[2], remote), *parts[3:]])

    # -- calls -----------------------------------------------------------------

    def call(self, method: str, path: str, body: Json | None = None, token: str | None = None, **query: Any) -> Json:
        """A request that skips the port, its log and its faults; raises CallFailed unless it is a 2xx."""
        reply = self.try_call(method, path, body, token, **query)
        if not 200 <= reply.status < 300:
            raise CallFailed(method, path, reply)
        return json.loads(reply.body) if reply.body else {}

    def try_call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        token: str | None = None,
        headers: list[tuple[str, str]] | None = None,
        **query: Any,
    ) -> Reply:
        """Like `call`, but a refusal is an answer; `headers` take the place of Accept and Authorization."""
        given = {k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()}
        target = f"/arvados/v1/{path}" if not path.startswith("/") else path
        target += f"?{urllib.parse.urlencode(given)}" if given else ""
        usual = [("Accept", "application/json"), ("Authorization", f"Bearer {token or self.root_token}")]
        encoded = b"" if body is None else json.dumps(body).encode()
        return self._controller.handle(Request(method, target, usual if headers is None else headers, encoded, 0))

    # -- containers --------------------------------------------------------------

    def make_request(self, user: str = "active", **attributes: Any) -> Json:
        """A committed container request of that user; its container is Queued."""
        defaults: Json = {
            "name": "from a test",
            "command": ["true"],
            "container_image": "fa3c1a9cb6783f85f2ecda037e07b8c3+167",
            "output_path": "/out",
            "mounts": {"/out": {"kind": "tmp", "capacity": 1000000}},
            "runtime_constraints": {"vcpus": 1, "ram": 2},
            "state": "Committed",
            "priority": 1,
            "use_existing": False,
        }
        body = {"container_request": {**defaults, **attributes}}
        return self.call("POST", "container_requests", body, self._token_of(user))

    def run_container(self, user: str = "active", state: str = "Running", **attributes: Any) -> RunningContainer:
        """Commits, locks and starts; `state="Locked"` stops before the start.

        `attributes` go into the container request, e.g. container_image or runtime_token.
        """
        request = self.make_request(user, **attributes)
        return self._lock_and_run(request["container_uuid"], request["uuid"], state)

    def _lock_and_run(self, uuid: str, request_uuid: str, state: str) -> RunningContainer:
        self.call("POST", f"containers/{uuid}/lock")
        given = self.call("GET", f"containers/{uuid}/auth")
        if state != "Locked":
            self.set_state(uuid, state)
        token = f"v2/{given['uuid']}/{given['api_token']}/{uuid}"
        return RunningContainer(uuid, token, given["uuid"], given["owner_uuid"], request_uuid)

    def set_state(self, container: RunningContainer | str, state: str, **attributes: Any) -> Json:
        return self.call("PUT", f"containers/{_uuid(container)}", {"container": {"state": state, **attributes}})

    def finish(self, container: RunningContainer | str, state: str = "Complete") -> Json:
        return self.set_state(container, state, **({"exit_code": 0} if state == "Complete" else {}))

    def unlock(self, container: RunningContainer | str) -> Json:
        """Back to Queued; only a Locked container can be."""
        return self.call("POST", f"containers/{_uuid(container)}/unlock")

    def relock(self, container: RunningContainer, state: str = "Running") -> RunningContainer:
        """Locked (and run) again: the same container uuid, another token."""
        return self._lock_and_run(container.uuid, container.request_uuid, state)

    def set_priority(self, container: RunningContainer, priority: int) -> None:
        body = {"container_request": {"priority": priority}}
        self.call("PUT", f"container_requests/{container.request_uuid}", body)

    # -- users, roles, tokens ----------------------------------------------------

    def new_user(self, username: str, active: bool = True, admin: bool = False) -> Json:
        """A user who is a member of All users, as activation makes him."""
        attributes = {"username": username, "email": f"{username}@example.com", "first_name": username.capitalize(),
                      "last_name": "User", "is_active": active, "is_admin": admin}
        user = self.call("POST", "users", {"user": attributes})
        self.add_member(self.all_users, user["uuid"], "can_write")
        return user

    def new_role(self, name: str) -> Json:
        return self.call("POST", "groups", {"group": {"group_class": "role", "name": name}})

    def new_project(self, name: str, owner: str | None = None) -> Json:
        owner_uuid = self.user(owner) if owner else self.system_user
        group = {"group_class": "project", "name": name, "owner_uuid": owner_uuid}
        return self.call("POST", "groups", {"group": group})

    def add_member(self, role_uuid: str, user: str, level: str = "can_read") -> Json:
        ends = {"tail_uuid": self.user(user), "head_uuid": role_uuid}
        return self.call("POST", "links", {"link": {"link_class": "permission", "name": level, **ends}})

    def new_token(self, user: str, scopes: list[str] | None = None, expires_at: str | None = None) -> str:
        """A further token of that user, in v2 form."""
        attributes = {"owner_uuid": self.user(user), "scopes": scopes or ["all"], "expires_at": expires_at}
        made = self.call("POST", "api_client_authorizations", {"api_client_authorization": attributes})
        return v2_form(made)

    def is_valid(self, token: str) -> bool:
        """Would Arvados take it, for whatever its scopes allow? v2 form or bare secret."""
        with self.store.lock:
            return Authenticator(self.store).identify([token], None) is not None

    def valid_tokens(self, user: str) -> list[str]:
        """The uuids of that user's tokens that Arvados would take now."""
        owner = self.user(user)
        with self.store.lock:
            rows = [row for row in self.store.rows(TOKEN) if row["owner_uuid"] == owner]
        return sorted(row["uuid"] for row in rows if not self.store.expired(row["expires_at"]))

    def _token_of(self, user: str) -> str:
        if user in fixtures.TOKENS:
            return self.root_token if user == "system_user" else self.token(user)
        return self.new_token(user)

    def deactivate(self, user: str) -> Json:
        """As an administrator does it: `unsetup`, which takes the user's tokens and permissions."""
        return self.call("POST", f"users/{self.user(user)}/unsetup", {})

    # -- grants ------------------------------------------------------------------

    def grant(
        self,
        policy: str,
        tail_uuid: str,
        owner: str | None = None,
        properties: Json | None = None,
        link_class: str = "vault_policy",
    ) -> Json:
        """A policy link, owned by the system user unless `owner` says otherwise."""
        link = {
            "link_class": link_class,
            "name": policy,
            "tail_uuid": self.user(tail_uuid) if infix_of(tail_uuid) is None else tail_uuid,
            "owner_uuid": self.user(owner) if owner else self.system_user,
            "properties": properties or {},
        }
        return self.call("POST", "links", {"link": link})

    def grant_many(self, n: int, tail_uuid: str | None = None) -> None:
        """So many links like one that was granted, each with a policy of its own, to users of their own or all to one: quickly."""
        first = self.grant("arvados-0", tail_uuid or self.system_user)
        row = self.store.get(first["uuid"], LINK) or {}
        for number in range(1, n):
            self.store.insert(LINK, {**row, "uuid": None, "name": f"arvados-{number}", "tail_uuid": tail_uuid or f"zzzzz-tpzed-{number:015d}"})

    def revoke(self, link: Json | str) -> Json:
        return self.call("DELETE", f"links/{link if isinstance(link, str) else link['uuid']}")

    # -- behind the rules ----------------------------------------------------------

    def force(self, uuid: str, **columns: Any) -> Row:
        """Writes columns as SQL would: no rule, no callback, no token expired."""
        with self.store.lock:
            row = self.store.get(uuid)
            if row is None:
                raise KeyError(uuid)
            self.store.update(row, columns, None)
            return row

    def rename(self, old: str, new: str) -> None:
        """The record has another uuid, wherever it is named: a user of another cluster, as a satellite knows him."""
        with self.store.lock:
            self.store.rename(old, new)

    def forget(self, uuid: str) -> None:
        """Deletes a row as SQL would, leaving what points at it."""
        with self.store.lock:
            self.store.delete(uuid)

    def record(self, uuid: str) -> Row:
        """A copy of the row, hidden columns and all."""
        with self.store.lock:
            row = self.store.get(uuid)
            if row is None:
                raise KeyError(uuid)
            return copy.deepcopy(row)

    def advance(self, seconds: float) -> None:
        """The cluster's clock jumps: tokens expire, the trash comes due."""
        with self.store.lock:
            self.store.clock_offset += seconds

    def sweep(self) -> None:
        self.call("POST", "/sys/trash_sweep", {})

    def _secrets(self) -> list[str]:
        with self.store.lock:
            return [row["api_token"] for row in self.store.rows(TOKEN)]

    def _token_uuid(self, request: Request) -> str | None:
        text = request.token() or ""
        if text.startswith("v2/"):
            return text.split("/")[1]
        with self.store.lock:
            return next((row["uuid"] for row in self.store.rows(TOKEN) if row["api_token"] == text), None)


def _uuid(container: RunningContainer | str) -> str:
    return container if isinstance(container, str) else container.uuid
