"""Worlds made by dice: a cluster with users, containers, roles and links, a mount on it, and what people then do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .arvados import ANONYMOUS_ROLE, ANONYMOUS_USER, CLUSTER, OTHER_CLUSTER, SYSTEM_USER, Cluster, salted, uuid_of
from .lies import make_lie
from .rules import Setting

NOW = 1_800_000_000
IMAGES = ["fa3c1a9cb6783f85f2ecda037e07b8c3+167", "0" * 32 + "+1", None]
NAMES = ["arvados-a", "arvados-b", "arvados-lab-a", "arvados-lab-b", "arvados-c_1", "team_x", "team_y", "team_", "arvados-", "arvados", "Arvados-a",
         " arvados-a", "arvados-a ", "arvados-a\n", "arvados-a\u00a0", "\u2003arvados-a", "root", "default", "response-wrapping", "control-group",
         "arvados-ä", "arvados-\u212a", "arvados-a/../b", "arvados-*", "arvados-a,arvados-b", "arvados-" + "x" * 55, "arvados-" + "x" * 56, "_arvados-a",
         "-arvados-a", "arvadosx-a", "database-a", "", None, "arvados-\u0430", "arvados-a.b", "arvados-lab-", "a" * 300, "arvados-a\u200b"]
GOOD_NAMES = NAMES[:7]
LAB, DESK = uuid_of("j7d0g", "lab"), uuid_of("j7d0g", "desk")  # projects
ROLES = [uuid_of("j7d0g", number) for number in range(1, 5)]
ADDRESSES = ["10.1.2.3"] * 12 + ["192.0.2.7", "fd00::1", "11.0.0.0", None]  # of callers
USERS = [uuid_of("tpzed", number) for number in range(1, 4)]
STRANGER = uuid_of("tpzed", 1, OTHER_CLUSTER)


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def chance(dice: random.Random, likely: float) -> bool:
    return dice.random() < likely


def some(dice: random.Random, items: list, most: int | None = None) -> list:
    return dice.sample(items, dice.randint(1, min(most or len(items), len(items))))


# ---- the cluster ----

def make_users(dice: random.Random, cluster: Cluster) -> None:
    for uuid in [*USERS, STRANGER, SYSTEM_USER, ANONYMOUS_USER]:
        name = dice.choice(["alice", "bob.b", "carol@home", "d e", "", None, "é", "x" * 200])
        cluster.users[uuid] = {"uuid": uuid, "username": name, "is_active": chance(dice, 0.97), "is_admin": uuid == SYSTEM_USER or chance(dice, 0.04)}


def make_token(dice: random.Random, cluster: Cluster, owner: str, own: str = CLUSTER) -> dict:
    uuid = uuid_of("gj3su", len(cluster.tokens) + 1, own)
    end = dice.choice([None] * 8 + [NOW + 3600, NOW + 10**7, NOW + 29, NOW + 30, NOW + 31, NOW + 500, NOW - 1])
    scopes = ["all"] if chance(dice, 0.96) else dice.choice([[], ["GET /arvados/v1/users"], ["all", "GET /"], ["ALL"]])
    token = {"uuid": uuid, "secret": "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=50)), "owner_uuid": owner, "scopes": scopes,
             "expires_at": None if end is None else at(end), "expires_at_s": end}
    cluster.tokens[uuid] = token
    return token


def make_container(dice: random.Random, cluster: Cluster, owner: str) -> None:
    uuid = uuid_of("dz642", len(cluster.containers) + 1)
    token = make_token(dice, cluster, owner, OTHER_CLUSTER if chance(dice, 0.03) else CLUSTER)
    runtime = chance(dice, 0.07)
    cluster.containers[uuid] = {
        "uuid": uuid,
        "state": dice.choices(["Running", "Locked", "Complete", "Cancelled", "Queued"], [91, 4, 2, 2, 1])[0],
        "auth_uuid": None if runtime else token["uuid"],
        "runtime_token": token["uuid"] if runtime else None,
        "runtime_user_uuid": None if chance(dice, 0.3) else owner,
        "container_image": dice.choice(IMAGES),
        "started_at": None if chance(dice, 0.1) else at(NOW - dice.choice([0, 10, 60, 61, 5000])),
        "interactive_session_started": chance(dice, 0.05),
        "runtime_auth_scopes": None if chance(dice, 0.1) else token["scopes"],
    }


def make_groups(dice: random.Random, cluster: Cluster) -> None:
    for uuid in [*ROLES, LAB, DESK, ANONYMOUS_ROLE]:
        cluster.groups[uuid] = {"uuid": uuid, "group_class": "role" if uuid in (*ROLES, ANONYMOUS_ROLE) else "project", "trashed": chance(dice, 0.1)}
    for user in [*USERS, STRANGER]:
        for group in cluster.groups:
            if group == ANONYMOUS_ROLE or chance(dice, 0.35):
                cluster.members.add((user, group))


def make_properties(dice: random.Random) -> dict:
    made: dict = {}
    if chance(dice, 0.15):
        made["expires_at"] = dice.choice([at(NOW - 1), at(NOW), at(NOW + 29), at(NOW + 30), at(NOW + 600), at(NOW + 10**8), "soon", None, 7, ""])
    if chance(dice, 0.08):
        made["not_before"] = dice.choice([at(NOW - 1), at(NOW), at(NOW + 1), "2030-02-30T00:00:00Z", None, False])
    if chance(dice, 0.1):
        made["container_image"] = dice.choice([*IMAGES, "x", "", 1])
    if chance(dice, 0.05):
        made["reason"] = dice.choice(["why not", "", 3, None, ["x"]])
    if chance(dice, 0.1):
        made[dice.choice(["note", "Expires_At", "uuid"])] = dice.choice([1, {"expires_at": at(NOW - 9)}, None])
    return made


def make_link(dice: random.Random, cluster: Cluster, link_class: str) -> None:
    system = SYSTEM_USER
    tails = [*USERS * 3, *ROLES * 2, ANONYMOUS_ROLE, LAB, STRANGER, uuid_of("j7d0g", 1, OTHER_CLUSTER), None, "", USERS[0].upper(), uuid_of("dz642", 1)]
    number = f"{dice.getrandbits(60):015x}"
    cluster.links.append({
        "uuid": uuid_of("o0j2j", number),
        "owner_uuid": dice.choices([system, LAB, DESK, USERS[0], STRANGER, system.replace("zzzzz", "yyyyy"), "", None], [70, 18, 5, 3, 1, 1, 1, 1])[0],
        "link_class": link_class if chance(dice, 0.93) else dice.choice(["permission", "vault_polic", "VAULT_POLICY", "vault_policy ", "", None]),
        "name": dice.choice(GOOD_NAMES) if chance(dice, 0.6) else dice.choice(NAMES),
        "tail_uuid": dice.choice(tails),
        "head_uuid": None if chance(dice, 0.9) else dice.choice(["", USERS[1], uuid_of("4zz18", 1)]),
        "modified_by_user_uuid": dice.choice([system, system, USERS[2], None]),
        "properties": make_properties(dice) if chance(dice, 0.97) else dice.choice([None, [], "x", 1]),
    })


def make_cluster(dice: random.Random, link_class: str) -> Cluster:
    cluster = Cluster(NOW, page=dice.choice([1000, 1000, 1000, 2, 5]))
    make_users(dice, cluster)
    for owner in [*USERS, *USERS, dice.choice([*USERS, STRANGER, SYSTEM_USER, ANONYMOUS_USER])]:
        make_container(dice, cluster, owner)
    for owner in USERS:
        make_token(dice, cluster, owner)
    make_groups(dice, cluster)
    for _ in range(dice.choice([0, 5, 20, 40, 40, 80])):
        make_link(dice, cluster, link_class)
    service = make_token(dice, cluster, SYSTEM_USER)
    service.update(expires_at=None, expires_at_s=None)
    cluster.service = service["uuid"]
    cluster.readable = {LAB, DESK}
    return cluster


# ---- the mount ----

def sometimes(dice: random.Random, likely: float, fields: dict, key: str, value: object) -> None:
    if chance(dice, likely):
        fields[key] = value


def make_config(dice: random.Random, link_class: str) -> dict:
    owners = dice.choice([[SYSTEM_USER]] * 3 + [[LAB], [SYSTEM_USER, LAB], [LAB, DESK, SYSTEM_USER]])
    prefixes = dice.choice([["arvados-"]] * 3 + [["arvados-", "team_"], ["team_"], ["arvados-lab-"], ["a-", "arvados-"]])
    config = {
        "login_kind": "user" if chance(dice, 0.12) else "container",
        "cluster_id": CLUSTER,
        "allowed_token_clusters": [CLUSTER],
        "allowed_user_clusters": [CLUSTER],
        "link_class": link_class,
        "trusted_link_owners": owners,
        "trusted_link_modifiers": [],
        "allowed_policy_prefixes": prefixes,
        "allowed_policies": [],
        "prefixes_by_owner": {},
        "max_policies": 64,
        "group_alias_uuids": [],
        "default_role": None,
        "cache_ttl": dice.choice([0, 10]),
    }
    if config["login_kind"] == "container":  # a user mount refuses tokens of other clusters when it is written
        sometimes(dice, 0.1, config, "allowed_token_clusters", [CLUSTER, OTHER_CLUSTER])
    sometimes(dice, 0.2, config, "allowed_user_clusters", [CLUSTER, OTHER_CLUSTER])
    sometimes(dice, 0.1, config, "trusted_link_modifiers", [SYSTEM_USER])
    sometimes(dice, 0.1, config, "allowed_policies", some(dice, [name for name in GOOD_NAMES if name.startswith(tuple(prefixes))] or [None]))
    sometimes(dice, 0.15, config, "max_policies", dice.randint(1, 3))
    sometimes(dice, 0.3, config, "group_alias_uuids", some(dice, ROLES))
    if chance(dice, 0.2) and "arvados-" in prefixes:
        config["prefixes_by_owner"] = {dice.choice(owners): "arvados-lab-"}
    if config["allowed_policies"] == [None]:
        config["allowed_policies"] = []
    return config


def make_role(dice: random.Random, config: dict) -> dict:
    role: dict = {}
    sometimes(dice, 0.2, role, "container_states", ["Running", "Locked"])
    sometimes(dice, 0.3, role, "allow_runtime_token", True)
    sometimes(dice, 0.3, role, "allow_admins", True)
    sometimes(dice, 0.3, role, "deny_interactive", False)
    sometimes(dice, 0.15, role, "bound_user_uuids", some(dice, [*USERS, STRANGER], 3))
    sometimes(dice, 0.15, role, "bound_group_uuids", some(dice, ROLES, 2))
    sometimes(dice, 0.15, role, "bound_container_images", some(dice, IMAGES[:2]))
    sometimes(dice, 0.15, role, "login_window", 60)
    sometimes(dice, 0.3, role, "require_grant", False)
    sometimes(dice, 0.1, role, "allowed_policy_prefixes", ["arvados-lab-"] if "arvados-" in config["allowed_policy_prefixes"] else [])
    sometimes(dice, 0.3, role, "token_ttl", dice.choice([60, 1200, 7200]))
    sometimes(dice, 0.2, role, "token_max_ttl", dice.choice([7200, 10800]))
    sometimes(dice, 0.2, role, "token_explicit_max_ttl", dice.choice([7200, 10000]))
    sometimes(dice, 0.3, role, "token_policies", some(dice, GOOD_NAMES, 3))
    sometimes(dice, 0.1, role, "token_no_default_policy", True)
    sometimes(dice, 0.2, role, "token_bound_cidrs", dice.choice([["10.0.0.0/8"], ["10.1.2.3", "fd00::/8"], ["10.0.0.0/9", "192.0.2.0/24"]]))
    if "token_bound_cidrs" not in role:
        sometimes(dice, 0.1, role, "token_strictly_bind_ip", True)
    if chance(dice, 0.2):
        role.update(allow_salted=True, salt_label="vlt01")
    kind = dice.random()
    if kind < 0.1:
        role["token_type"] = "batch"
    elif kind < 0.3:
        role["token_type"] = "service"
        sometimes(dice, 0.3, role, "token_num_uses", 5)
        sometimes(dice, 0.3, role, "token_period", dice.choice([300, 3600]))
    return role


# ---- what people do ----

def make_login(dice: random.Random, setting: Setting) -> dict:
    cluster: Cluster = setting.cluster
    tokens = list(cluster.tokens.values())[:-1]  # all but the service token
    of_containers = [one for one in tokens if cluster.container_of(one)]
    wanted = [one for one in tokens if one not in of_containers] if setting.for_users else of_containers
    token = dice.choice(wanted if chance(dice, 0.95) else tokens)
    container = cluster.container_of(token)
    named = container["uuid"] if container and chance(dice, 0.95) else uuid_of("dz642", 1) if chance(dice, 0.1) else None
    names = [*setting.roles, None]
    role = dice.choice([*names, "nobody"]) if chance(dice, 0.08) else dice.choice(list(setting.roles)) if setting.roles else None
    secret = token["secret"]
    if chance(dice, 0.7 if "allow_salted" in setting.roles.get(role, {}) else 0.02):
        secret = salted(secret, dice.choice(["vlt01"] * 6 + ["vlt02", CLUSTER]))
    text = f"v2/{token['uuid']}/{secret}" + (f"/{named}" if named else "")
    if chance(dice, 0.05):
        text = dice.choice([secret, text + "x", text.upper(), f" {text}\n", text + "/x", text.replace("/", "\\"), "", text[:-1], f"v2/{token['uuid']}/{secret[:-1]}0",
                            text + "\u00a0", text.replace("v2", "v1"), text + "\r\nX: y"])
    request = {"token": text, "role": role, "remote_addr": dice.choice(ADDRESSES)}
    if chance(dice, 0.05):
        request["jwt"] = dice.choice([text, text + "x"])
    return request


def disturb(dice: random.Random, cluster: Cluster) -> None:
    """Something changes between a login and its renewal."""
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        what = dice.randrange(8)
        if what == 0 and cluster.links:
            cluster.links.remove(dice.choice(cluster.links))
        elif what == 1:
            dice.choice(list(cluster.containers.values()))["state"] = dice.choice(["Complete", "Locked", "Running"])
        elif what == 2:
            dice.choice(list(cluster.users.values()))["is_active"] = False
        elif what == 3 and cluster.members:
            cluster.members.remove(dice.choice(sorted(cluster.members)))
        elif what == 4:
            dice.choice(list(cluster.groups.values()))["trashed"] = True
        elif what == 5:
            dice.choice(list(cluster.containers.values()))["auth_uuid"] = dice.choice([None, *cluster.tokens])
        elif what == 6:
            dice.choice(list(cluster.containers.values()))["interactive_session_started"] = True
        elif what == 7:
            make_link(dice, cluster, "vault_policy")


@dataclass
class World:
    setting: Setting
    narrowed: dict | None = None  # the config is written once more with these, after the roles
    lies: list = field(default_factory=list)
    run_token: str = ""  # of a plain world

    @property
    def cluster(self) -> Cluster:
        return self.setting.cluster


def make_world(dice: random.Random) -> World:
    link_class = dice.choice(["vault_policy", "vault_policy", "vault_policy", "secrets"])
    cluster = make_cluster(dice, link_class)
    config = make_config(dice, link_class)
    roles = {name: make_role(dice, config) for name in ["narrow", "wide"][:dice.choice([0, 1, 1, 2])]}
    if roles:
        sometimes(dice, 0.3, config, "default_role", dice.choice(list(roles)))
    service = cluster.tokens[cluster.service] if chance(dice, 0.8) else None
    if service is None:
        config["group_alias_uuids"] = []  # nobody could be asked
    world = World(Setting(cluster, config, roles, None if service is None else f"v2/{service['uuid']}/{service['secret']}"), None)
    if chance(dice, 0.1):
        world.narrowed = {"allowed_policies": ["arvados-a"], "allowed_policy_prefixes": ["arvados-"], "prefixes_by_owner": {}}
    if chance(dice, 0.5):
        world.lies = [make_lie(dice) for _ in range(dice.choice([1, 1, 1, 2]))]
    return world


def plain_world() -> World:
    """No dice: one user in one role, a grant to each, his running container; nothing speaks against a login."""
    cluster = Cluster(NOW)
    user, role, token, container = USERS[0], ROLES[0], uuid_of("gj3su", 1), uuid_of("dz642", 1)
    cluster.users[user] = {"uuid": user, "username": "alice", "is_active": True, "is_admin": False}
    cluster.tokens[token] = {"uuid": token, "secret": "s" * 50, "owner_uuid": user, "scopes": ["all"], "expires_at": None, "expires_at_s": None}
    cluster.containers[container] = {
        "uuid": container, "state": "Running", "auth_uuid": token, "runtime_token": None, "runtime_auth_scopes": ["all"], "runtime_user_uuid": user, "container_image": IMAGES[0],
        "started_at": at(NOW), "interactive_session_started": False}
    cluster.groups[role] = {"uuid": role, "group_class": "role", "trashed": False}
    cluster.members.add((user, role))
    for number, tail in enumerate((user, role)):
        cluster.links.append({"uuid": uuid_of("o0j2j", number), "owner_uuid": SYSTEM_USER, "link_class": "vault_policy", "name": GOOD_NAMES[number],
                              "tail_uuid": tail, "head_uuid": None, "modified_by_user_uuid": SYSTEM_USER, "properties": {}})
    service = make_token(random.Random(0), cluster, SYSTEM_USER)
    service.update(scopes=["all"], expires_at=None, expires_at_s=None)
    cluster.service = service["uuid"]
    config = {**make_config(random.Random(0), "vault_policy"), "login_kind": "container", "trusted_link_owners": [SYSTEM_USER], "allowed_policies": [],
              "allowed_policy_prefixes": ["arvados-"], "prefixes_by_owner": {}, "max_policies": 64, "cache_ttl": 0, "trusted_link_modifiers": []}
    world = World(Setting(cluster, config, {}, f"v2/{service['uuid']}/{service['secret']}"), None)
    world.run_token = f"v2/{token}/{'s' * 50}/{container}"
    return world
