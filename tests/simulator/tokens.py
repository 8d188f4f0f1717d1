"""Tokens: which forms are accepted and what they may do (notes 1.1, 1.2, 1.5)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Iterable

from . import fixtures
from .models import CONTAINER, TOKEN, USER
from .store import Row, Store

ACTIVE_STATES = ("Locked", "Running")


@dataclass(frozen=True)
class Identity:
    """Who asks: the token's row, its user, and the text as it was presented."""

    token: Row
    user: Row
    presented: str

    def segment(self, index: int) -> str | None:
        parts = self.presented.split("/")
        return parts[index] if self.presented.startswith("v2/") and len(parts) > index else None


def salted(secret: str, remote: str) -> str:
    """What a token looks like for a remote cluster: hex HMAC-SHA1 (1.1)."""
    return hmac.new(secret.encode(), remote.encode(), hashlib.sha1).hexdigest()


def v2_form(token: Row) -> str:
    return f"v2/{token['uuid']}/{token['api_token']}"


class Authenticator:
    def __init__(self, store: Store) -> None:
        self._store = store

    def identify(self, candidates: Iterable[str], remote: str | None) -> Identity | None:
        """The first valid candidate becomes the identity."""
        for text in candidates:
            token = self._validate(text.strip(), remote)
            user = self._store.get(token["owner_uuid"], USER) if token else None
            if token is not None and user is not None:
                return Identity(token, user, text.strip())
        return None

    def expire(self, text: str) -> None:
        """What `GET /logout` does to the token it comes with: a v2 token whose uuid and secret belong together, or a bare secret."""
        parts = text.split("/")
        uuid, secret = (parts[1], parts[2]) if text.startswith("v2/") and len(parts) > 2 else (None, text)
        for row in self._store.rows(TOKEN):
            if row["api_token"] == secret and uuid in (None, row["uuid"]) and self._alive(row):
                self._store.update(row, {"expires_at": self._store.now()}, None)

    def _validate(self, text: str, remote: str | None) -> Row | None:
        if not text:
            return None
        configured = self._configured(text)
        if configured is not None:
            return configured
        if text.startswith("v2/"):
            return self._validate_v2(text.split("/"), remote)
        return next((t for t in self._store.rows(TOKEN) if t["api_token"] == text and self._alive(t)), None)

    def _configured(self, text: str) -> Row | None:
        """Anonymous and root token are compared with the configuration, not the table (1.2 step 2)."""
        anonymous = self._store.well_known("gj3su", fixtures.ANONYMOUS)
        if text in (fixtures.ANONYMOUS_SECRET, f"v2/{anonymous}/{fixtures.ANONYMOUS_SECRET}"):
            return self._synthetic(fixtures.ANONYMOUS, fixtures.ANONYMOUS_SECRET, ["GET /"])
        if text == fixtures.ROOT_SECRET:
            return self._synthetic(fixtures.SYSTEM, fixtures.ROOT_SECRET, ["all"])
        return None

    def _synthetic(self, tail: str, secret: str, scopes: list[str]) -> Row:
        uuid, user = self._store.well_known("gj3su", tail), self._store.well_known("tpzed", tail)
        return {**TOKEN.blank(), "uuid": uuid, "owner_uuid": user, "api_token": secret, "scopes": scopes}

    def _validate_v2(self, parts: list[str], remote: str | None) -> Row | None:
        if len(parts) < 3 or len(parts[1]) != 27 or not parts[2]:
            return None
        if len(parts) > 3 and not self._container_agrees(parts):
            return None
        token = self._store.get(parts[1], TOKEN)
        if token is None or not self._alive(token):
            return None
        # Without `remote` the own cluster's salt is accepted (13.12).
        expected = salted(token["api_token"], remote or self._store.cluster_id)
        return token if parts[2] in (token["api_token"], expected) else None

    def _container_agrees(self, parts: list[str]) -> bool:
        """A fourth part counts only if it names an existing container (13.7)."""
        container = self._store.get(parts[3], CONTAINER)
        if container is None:
            return True
        if container["auth_uuid"] and container["auth_uuid"] != parts[1]:
            return False
        if container["runtime_token"] and container["runtime_token"] != "/".join(parts[:3]):
            return False
        return container["state"] in ACTIVE_STATES

    def _alive(self, token: Row) -> bool:
        return not self._store.expired(token["expires_at"])


def scopes_allow(scopes: list[str], method: str, path: str) -> bool:
    """Equal, or a prefix if the scope ends in a slash; GET also allows HEAD."""
    methods = ("GET", "HEAD") if method == "HEAD" else (method,)
    wanted = [f"{name} {path}" for name in methods]
    return any(
        scope == "all" or any(w == scope or (scope.endswith("/") and w.startswith(scope)) for w in wanted)
        for scope in scopes
    )


def container_of(store: Store, identity: Identity) -> Row | None:
    """The container this token runs, by auth_uuid or by the four-part runtime token."""
    named = identity.segment(3)
    for container in store.rows(CONTAINER):
        if container["auth_uuid"] == identity.token["uuid"]:
            return container
        if named and container["uuid"] == named and container["runtime_token"] == v2_form(identity.token):
            return container
    return None
