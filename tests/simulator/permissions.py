"""Who may read, write and manage what: the materialised permission graph.

Edges are permission links (tail to head) and ownership of groups. A path's
level is its weakest link, and it passes through groups only, never through
other users (computed_permissions recordings; notes 5).
"""

from __future__ import annotations

from .models import GROUP, LINK, REQUEST, USER, infix_of
from .store import Row, Store

READ, WRITE, MANAGE = 1, 2, 3
LEVEL = {"can_read": READ, "can_login": READ, "can_write": WRITE, "can_manage": MANAGE}
LEVEL_NAME = {READ: "can_read", WRITE: "can_write", MANAGE: "can_manage"}


class Permissions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = -1
        self._edges: dict[str, list[tuple[str, int]]] = {}
        self._memo: dict[str, dict[str, int]] = {}

    # -- graph ---------------------------------------------------------------

    def _refresh(self) -> None:
        if self._version == self._store.version:
            return
        self._version = self._store.version
        self._memo = {}
        edges: dict[str, list[tuple[str, int]]] = {}
        for link in self._store.rows(LINK):
            level = LEVEL.get(link["name"] or "", 0)
            if link["link_class"] == "permission" and level:
                edges.setdefault(link["tail_uuid"], []).append((link["head_uuid"], level))
        for group in self._store.rows(GROUP):
            edges.setdefault(group["owner_uuid"], []).append((group["uuid"], MANAGE))
        self._edges = edges

    def of(self, user_uuid: str) -> dict[str, int]:
        """Every object this user has an explicit or transitive right on."""
        self._refresh()
        if user_uuid not in self._memo:
            self._memo[user_uuid] = self._walk(user_uuid)
        return self._memo[user_uuid]

    def _walk(self, user_uuid: str) -> dict[str, int]:
        best = {user_uuid: MANAGE}
        queue = [user_uuid]
        while queue:
            node = queue.pop()
            if node != user_uuid and infix_of(node) != GROUP.infix:
                continue
            for target, level in self._edges.get(node, ()):
                reached = min(level, best[node])
                if reached > best.get(target, 0):
                    best[target] = reached
                    queue.append(target)
        return best

    # -- questions -----------------------------------------------------------

    def _is_root(self, user: Row) -> bool:
        return bool(user["is_admin"]) or user["uuid"] == self._store.system_user

    def level(self, user: Row, row: Row) -> int:
        """The right a user has on a record, through itself or its owner."""
        if self._is_root(user):
            return MANAGE
        rights = self.of(user["uuid"])
        owner = row.get("owner_uuid")
        through_owner = rights.get(owner or "", 0)
        if infix_of(owner) == USER.infix and through_owner < MANAGE:
            # Reading a user is no right on his things; managing him is.
            through_owner = 0
        return max(rights.get(row["uuid"], 0), through_owner)

    def can_read(self, user: Row, row: Row) -> bool:
        if self._is_root(user):
            return True
        return self.level(user, row) >= READ or self._special_read(user, row)

    def _special_read(self, user: Row, row: Row) -> bool:
        rule = _SPECIAL_READ.get(infix_of(row["uuid"]) or "")
        return rule is not None and rule(self, user, row)

    def _role_visible(self, user: Row, row: Row) -> bool:
        """Users.RoleGroupsVisibleToAll is true by default: active users see all roles (13.26)."""
        return bool(user["is_active"]) and row["group_class"] == "role"

    def _link_visible(self, user: Row, row: Row) -> bool:
        if row["link_class"] != "permission":
            return False
        ends = (row["tail_uuid"], row["head_uuid"])
        return user["uuid"] in ends or self.of(user["uuid"]).get(row["head_uuid"], 0) >= MANAGE

    def _container_visible(self, user: Row, row: Row) -> bool:
        """A container is readable through any readable request for it (2.2)."""
        return any(
            request["container_uuid"] == row["uuid"] and self.can_read(user, request)
            for request in self._store.rows(REQUEST)
        )

    def can_write(self, user: Row, row: Row) -> bool:
        return self.level(user, row) >= WRITE

    def can_manage(self, user: Row, row: Row) -> bool:
        return self.level(user, row) >= MANAGE

    def can_write_uuid(self, user: Row, uuid: str) -> bool:
        return self._is_root(user) or self.of(user["uuid"]).get(uuid, 0) >= WRITE

    def can_manage_uuid(self, user: Row, uuid: str | None) -> bool:
        if self._is_root(user):
            return True
        row = self._store.get(uuid)
        if row is not None:
            return self.can_manage(user, row)
        return self.of(user["uuid"]).get(uuid or "", 0) >= MANAGE

    def can_read_uuid(self, user: Row, uuid: str) -> bool:
        row = self._store.get(uuid)
        if row is not None:
            return self.can_read(user, row) and not self.trashed(row)
        return uuid in self._store.strangers and (self._is_root(user) or uuid in self.of(user["uuid"]))

    def trashed(self, row: Row) -> bool:
        """In the trash itself, or inside a trashed project."""
        seen: set[str] = set()
        current: Row | None = row
        while current is not None and current["uuid"] not in seen:
            seen.add(current["uuid"])
            if current.get("is_trashed") or self._store.expired(current.get("trash_at")):
                return True
            current = self._store.get(current.get("owner_uuid"), GROUP)
        return False

    def writers(self, row: Row) -> list[str]:
        """Tails of the permission links that let someone write this record."""
        return [
            link["tail_uuid"]
            for link in self._store.rows(LINK)
            if link["link_class"] == "permission"
            and link["head_uuid"] == row["uuid"]
            and LEVEL.get(link["name"] or "", 0) >= WRITE
        ]


_SPECIAL_READ = {
    "j7d0g": Permissions._role_visible,
    "o0j2j": Permissions._link_visible,
    "dz642": Permissions._container_visible,
}
