"""Facts of Arvados' public test fixtures that tests and recordings rely on.

The secrets are public constants of the Arvados project. Everything is written
for cluster `zzzzz`; `load` puts the simulated cluster's own id in its place.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from .models import CONSTRAINTS, CONTAINER, GROUP, LINK, REQUEST, TOKEN, USER
from .store import Row, Store, format_time

SYSTEM, ANONYMOUS = "000000000000000", "anonymouspublic"
ADMIN, ACTIVE, SPECTATOR = "d9tiejq69daie8f", "xurymjxw79nv3jz", "l1s2piq4t4mps8r"
INACTIVE, UNINVITED = "x9kqpd79egh49c7", "rf2ec3ryh4vb5ma"
RUNTIME_USER, VIEWER, PROJECT_VIEWER = "l3skomkti0c4vg4", "futureprojview2", "projectviewer1a"

ALL_USERS, SYSTEM_GROUP, USER_ADMINS = "fffffffffffffff", "000000000000000", "48foin4vonvc2at"
APROJECT = "v955i6s2oi1cbso"

ROOT_SECRET = "systemusertesttoken1234567890aoeuidhtnsqjkxbmwvzpy"
ANONYMOUS_SECRET = "4kg6k6lzmp9kj4cpkcoxie964cmvjahbt4fod9zru44k4jqdmi"
MANAGEMENT_TOKEN = "e687950a23c3a9bceec28c6223a06c79"

FAR_EXPIRY = "2038-01-01T00:00:00.000000000Z"
OLD = "2014-11-27T06:38:21.215463000Z"

# name: (uuid tail, first name, last name, email, username, active, admin, kind of profile)
USERS: dict[str, tuple[str, str, str, str, str | None, bool, bool, str | None]] = {
    "system_user": (SYSTEM, "root", "", "root", None, True, True, None),
    "anonymous": (ANONYMOUS, "anonymouspublic", "anonymouspublic", "anonymouspublic", None, False, False, None),
    "admin": (ADMIN, "TestCase", "Administrator", "admin@arvados.local", "admin", True, True, "IT"),
    "active": (ACTIVE, "Active", "User", "active-user@arvados.local", "active", True, False, "biologist"),
    "spectator": (SPECTATOR, "Spect", "Ator", "spectator@arvados.local", "spectator", True, False, "biologist"),
    "container_runtime_token_user": (
        RUNTIME_USER, "Spect", "Ator", "container_runtime_token_user@arvados.local",
        "containerruntimetokenuser", True, False, "biologist",
    ),
    "inactive": (INACTIVE, "Inactive", "User", "inactive-user@arvados.local", "inactiveuser", False, False, None),
    "inactive_uninvited": (
        UNINVITED, "Inactive and Uninvited", "User", "inactive-uninvited-user@arvados.local",
        "inactiveuninvited", False, False, None,
    ),
    "user_of_future_group": (VIEWER, "Future", "Viewer", "future@arvados.local", "future", True, False, "biologist"),
    "project_viewer": (PROJECT_VIEWER, "Project", "Viewer", "viewer@arvados.local", "projectviewer", True, False, None),
}

ROLES = {"IT": "IT", "biologist": "Computational biologist"}

_SHARING = ["GET /arvados/v1/collections/zzzzz-4zz18-znfnqtbbv4spc3w",
            "GET /arvados/v1/collections/zzzzz-4zz18-znfnqtbbv4spc3w/", "GET /arvados/v1/keep_services/accessible"]

# name: (uuid tail, secret, user tail, scopes)
TOKENS: dict[str, tuple[str, str, str, list[str]]] = {
    "system_user": (SYSTEM, ROOT_SECRET, SYSTEM, ["all"]),
    "dispatch2": ("jrriu629zljsnuf", "pbe3v4v5oag83tjwxjh0a551j44xdu8t7ol5ljw3ixsq8oh50q", SYSTEM, ["all"]),
    "admin": ("027z32aux8dg2s1", "4axaw8zxe0qm22wa6urpp5nskcne8z88cvbupv653y1njyi05h", ADMIN, ["all"]),
    "admin_noscope": ("147z32aux8dg2s1", "adminnoscopeabcdefghijklmnopqrstuvwxyz123456789012", ADMIN, []),
    "active": ("077z32aux8dg2s1", "3kg6k6lzmp9kj5cpkcoxie963cmvjahbt2fod9zru30k1jqdmi", ACTIVE, ["all"]),
    "active_noscope": ("097z32aux8dg2s1", "activenoscopeabcdefghijklmnopqrstuvwxyz12345678901", ACTIVE, []),
    "active_all_collections": (
        "157z32aux8dg2s1", "activecollectionsabcdefghijklmnopqrstuvwxyz1234567", ACTIVE,
        ["GET /arvados/v1/collections/", "GET /arvados/v1/keep_services/accessible"],
    ),
    "active_userlist": (
        "167z32aux8dg2s1", "activeuserlistabcdefghijklmnopqrstuvwxyz1234568900", ACTIVE, ["GET /arvados/v1/users"],
    ),
    "active_apitokens": (
        "187z32aux8dg2s1", "activeapitokensabcdefghijklmnopqrstuvwxyz123456789", ACTIVE,
        ["GET /arvados/v1/api_client_authorizations", "POST /arvados/v1/api_client_authorizations"],
    ),
    "active_readonly": (
        "197z32aux8dg2s1", "activereadonlyabcdefghijklmnopqrstuvwxyz1234568790", ACTIVE, ["GET /"],
    ),
    "foo_collection_sharing_token": (
        "gf02tdm4g1z3e3u", "iknqgmunrhgsyfok8uzjlwun9iscwm3xacmzmg65fa1j1lpdss", ACTIVE, _SHARING,
    ),
    "expired": ("257z32aux8dg2s1", "2ym314ysp27sk7h943q6vtc378srb06se3pq6ghurylyf3pdmx", ACTIVE, ["all"]),
    "inactive": ("227z32aux8dg2s1", "5s29oj2hzmcmpq80hx9cta0rl5wuf3xfd6r7disusaptz7h9m0", INACTIVE, ["all"]),
    "inactive_uninvited": (
        "237z32aux8dg2s1", "62mhllc0otp78v08e3rpa3nsmf8q8ogk47f7u5z4erp5gpj9al", UNINVITED, ["all"],
    ),
    "anonymous": ("287z32aux8dg2s1", ANONYMOUS_SECRET, ANONYMOUS, ["GET /"]),
    "spectator": ("207z32aux8dg2s1", "zw2f4gwx8hw8cjre7yp6v1zylhrhn3m5gvjq73rtpwhmknrybu", SPECTATOR, ["all"]),
    "valid_token_deleted_user": (
        "277z32aux8dg2s1", "tewfa58099sndckyqhlgd37za6e47o6h03r9l1vpll23hudm8b", "nosuchuserdelet", ["all"],
    ),
    "running_container_auth": (
        "077z32aux8dg2s2", "it2gl94mgu3rbn5s2d06vzh73ns1y6cthct0tvg82qdlsxvbwk", ACTIVE, ["all"],
    ),
    "running_container_with_logs_auth": (
        "n4xycwjpvvi776n", "mkpdp5jbytt471lw9so1by2t5ylciojdur845rfn4dtm0etl33", ACTIVE, ["all"],
    ),
    "running_to_be_deleted_container_auth": (
        "ty6lvu9d7u7c2sq", "ge1pez7dkk7nqntwcsj922g2b7a2t27xz6nsx39r15kbcqmp55", ACTIVE, ["all"],
    ),
    "container_runtime_token": (
        "2nj68s291f50gd9", "2d19ue6ofx26o3mm7fs9u6t7hov9um0v92dzwk1o2xed3abprw", RUNTIME_USER, ["all"],
    ),
    "runtime_token_limited_scope": (
        "2fljvypjrr4yr9m", "1fwc3be1m13qkypix2gd01i4bq5ju483zjfc0cf4babjseirbm", RUNTIME_USER, ["GET /"],
    ),
}

EXPIRED_TOKENS = {"expired": "1970-01-01T00:00:00.000000000Z"}

# (uuid tail, name, class, owner user tail, description)
GROUPS: list[tuple[str, str, str, str, str | None]] = [
    (SYSTEM_GROUP, "System Private", "role", SYSTEM, "System-owned Group"),
    (ALL_USERS, "All users", "role", SYSTEM, "All users"),
    (ANONYMOUS, "Anonymous users", "role", SYSTEM, None),
    ("swqu6hmi4pa7bk7", "Active User and friends", "role", SYSTEM, None),
    (USER_ADMINS, "Administrators of a subset of users", "role", SYSTEM, None),
    ("pew6elm53kancon", "Private Role", "role", SYSTEM, "Private Role"),
    ("jtp06ulmvsezgyu", "Empty", "role", SYSTEM, "Empty Group"),
    ("jt30l961gq3t0oi", "Public Role", "role", ADMIN, "Public Role"),
    ("futrprojviewgrp", "Future Project Viewing Group", "role", SYSTEM, None),
    ("22xp1wpjul508rk", "Private and Can Read Foofile", "role", SYSTEM, None),
    ("t4ucgncwteul7zt", "Group for sharing tests", "role", SYSTEM, None),
    ("soontobetrashd2", "soon to be trashed role group", "role", SYSTEM, None),
    ("it30l961gq3t0oi", "Public", "project", ADMIN, "Public Project"),
    ("rew6elm53kancon", "Private", "project", ACTIVE, "Private Project"),
    ("000010pipelines", "project with 10 pipelines", "project", SPECTATOR, "project with 10 pipelines"),
    ("publicfavorites", "Public favorites", "project", SYSTEM, None),
    ("trashedproject1", "trashed project", "project", ACTIVE, None),
    ("thisfiltergroup", "This filter group", "filter", ACTIVE, None),
    (APROJECT, "A Project", "project", ACTIVE, "Test project belonging to active user"),
    ("zhxawtyetzwc5f0", "Unrestricted public data", "project", ADMIN, "An anonymously accessible project"),
]

TRASHED = {"trashedproject1", "soontobetrashd2"}

# (uuid tail, class, name, tail uuid, head uuid, properties)
LINKS: list[tuple[str, str, str, str, str, dict[str, Any]]] = [
    ("j2qe76q7s3c8aro", "signature", "require", f"tpzed-{SYSTEM}", "4zz18-t68oksiu9m80s4y", {}),
    ("rah2ya1ohx9xaev", "permission", "can_login", f"tpzed-{ACTIVE}", "2x53u-382brsig8rp3065", {"username": "active"}),
    ("g5i0sa8cr3b1psf", "permission", "can_read", f"tpzed-{ACTIVE}", "4zz18-d0d8z5wofvfgwad", {}),
    ("ctbysaduejxfrs5", "permission", "can_write", f"tpzed-{ACTIVE}", f"j7d0g-{ALL_USERS}", {}),
    ("8184f5vk8c851ts", "permission", "can_read", f"tpzed-{ACTIVE}", "j7d0g-swqu6hmi4pa7bk7", {}),
    ("activemanagesvi", "permission", "can_manage", f"tpzed-{ACTIVE}", "j7d0g-futrprojviewgrp", {}),
    ("spectatorallusr", "permission", "can_write", f"tpzed-{SPECTATOR}", f"j7d0g-{ALL_USERS}", {}),
    ("runtimeuserallu", "permission", "can_write", f"tpzed-{RUNTIME_USER}", f"j7d0g-{ALL_USERS}", {}),
    ("inactiveallusrs", "permission", "can_write", f"tpzed-{INACTIVE}", f"j7d0g-{ALL_USERS}", {}),
    ("allusersanonymo", "permission", "can_read", f"j7d0g-{ALL_USERS}", f"j7d0g-{ANONYMOUS}", {}),
    ("allusersfavorit", "permission", "can_read", f"j7d0g-{ALL_USERS}", "j7d0g-publicfavorites", {}),
    ("anonymousreaddt", "permission", "can_read", f"j7d0g-{ANONYMOUS}", "j7d0g-zhxawtyetzwc5f0", {}),
    ("useradminsactiv", "permission", "can_manage", f"j7d0g-{USER_ADMINS}", f"tpzed-{ACTIVE}", {}),
    ("futuregroupread", "permission", "can_read", "j7d0g-futrprojviewgrp", f"tpzed-{VIEWER}", {}),
    ("adminmgsproject", "permission", "can_write", f"tpzed-{ADMIN}", f"j7d0g-{APROJECT}", {}),
    ("projviewerreadp", "permission", "can_read", f"tpzed-{PROJECT_VIEWER}", f"j7d0g-{APROJECT}", {}),
]

STRANGERS = ["4zz18-t68oksiu9m80s4y", "4zz18-d0d8z5wofvfgwad", "2x53u-382brsig8rp3065"]

_TMP = {"/tmp": {"kind": "tmp", "capacity": 24000000000}}
_CWL = {**_TMP, "/var/spool/cwl": {"kind": "tmp", "capacity": 24000000000}}
_DONE = {"started_at": "2016-01-11T11:11:11.111111000Z", "finished_at": "2016-01-12T11:12:13.111111000Z",
         "log": "ea10d51bcf88862dbcc36eb292017dfd+45", "output": "1f4b0bc7583c2a7f9102c395f4ffc5e3+45"}

# name: (uuid tail, state, priority, what differs). The order matters: two
# containers sharing a token answer with the first (container_lifecycle).
CONTAINERS: dict[str, tuple[str, str, int, Row]] = {
    "running": ("runningcontainr", "Running", 12, {
        "auth_uuid": "zzzzz-gj3su-077z32aux8dg2s2", "started_at": OLD,
        "secret_mounts": {"/secret/6x9": {"kind": "text", "content": "42\n"}}}),
    "logs": ("logscontainer03", "Running", 1, {
        "auth_uuid": "zzzzz-gj3su-n4xycwjpvvi776n", "owner_uuid": f"zzzzz-tpzed-{ACTIVE}"}),
    "running_to_be_deleted": ("runnincntrtodel", "Running", 1, {
        "auth_uuid": "zzzzz-gj3su-ty6lvu9d7u7c2sq", "started_at": OLD}),
    "running_older": ("runningcontain2", "Running", 2, {"started_at": OLD}),
    "runtime_token": ("20isqbkl8xwnsao", "Locked", 1, {
        "locked_by_uuid": "zzzzz-gj3su-jrriu629zljsnuf", "runtime_user_uuid": f"zzzzz-tpzed-{RUNTIME_USER}",
        "runtime_auth_scopes": ["all"], "mounts": _CWL, "runtime_token":
        "v2/zzzzz-gj3su-2nj68s291f50gd9/2d19ue6ofx26o3mm7fs9u6t7hov9um0v92dzwk1o2xed3abprw"}),
    "queued": ("queuedcontainer", "Queued", 1, {"mounts": _CWL}),
    "locked": ("lockedcontainer", "Locked", 0, {
        "locked_by_uuid": "zzzzz-gj3su-000000000000000", "modified_at": OLD}),
    "completed": ("compltcontainer", "Complete", 1, {"exit_code": 0, **_DONE}),
    "failed_container": ("failedcontainr1", "Complete", 1, {"exit_code": 33, **_DONE}),
}

# (uuid tail, name, container, owner user tail)
REQUESTS = [
    ("cr4runningcntnr", "running", "runningcontainr", ACTIVE),
    ("cr4runningcntn2", "running2", "runningcontain2", ACTIVE),
    ("cr4queuedcontnr", "queued", "queuedcontainer", ACTIVE),
    ("cr4completedctr", "completed", "compltcontainer", ACTIVE),
]


def token_v2(name: str, cluster_id: str) -> str:
    tail, secret, _, _ = TOKENS[name]
    return f"v2/{cluster_id}-gj3su-{tail}/{secret}"


def user_uuid(name: str, cluster_id: str) -> str:
    return f"{cluster_id}-tpzed-{USERS[name][0]}"


class _Loader:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.created = format_time(store.micros() - 3_600_000_000)

    def uuid(self, infix: str, tail: str) -> str:
        return self.store.well_known(infix, tail)

    def localise(self, value: Any) -> Any:
        """Our cluster id in the place of the fixtures' one."""
        return json.loads(json.dumps(value).replace("zzzzz-", f"{self.store.cluster_id}-"))

    def add(self, model: Any, row: Row) -> Row:
        return self.store.insert(model, self.localise({"created_at": self.created, **copy.deepcopy(row)}))


def load(store: Store) -> None:
    loader = _Loader(store)
    for step in (_load_users, _load_tokens, _load_groups, _load_links, _load_containers, _load_requests):
        step(loader)


def _load_users(loader: _Loader) -> None:
    for tail, first, last, email, username, active, admin, profile in USERS.values():
        plain = tail in (SYSTEM, ANONYMOUS)
        loader.add(USER, {
            "uuid": loader.uuid("tpzed", tail), "owner_uuid": loader.store.system_user,
            "first_name": first, "last_name": last, "email": email, "username": username,
            "is_active": active, "is_admin": admin,
            "identity_url": None if plain else f"https://{email.split('@')[0]}.openid.local",
            "prefs": {} if profile is None else {
                "profile": {"organization": "example.com", "role": ROLES[profile]},
                "getting_started_shown": "2015-03-26T12:34:56.789000000Z"},
        })
    for tail in (SYSTEM, ACTIVE):
        uuid = loader.uuid("tpzed", tail)
        loader.store.get(uuid).update(modified_by_user_uuid=uuid, modified_at=OLD)  # type: ignore[union-attr]
    loader.store.insert(USER, {
        **loader.store.get(loader.uuid("tpzed", ACTIVE)),  # type: ignore[dict-item]
        "uuid": f"zbbbb-tpzed-{ACTIVE}", "email": "zbbbb-active-user@arvados.local",
        "username": "federatedactive", "identity_url": "https://federated-active-user.openid.local",
        "modified_by_user_uuid": None, "modified_at": None})


def _load_tokens(loader: _Loader) -> None:
    for name, (tail, secret, user, scopes) in TOKENS.items():
        loader.add(TOKEN, {
            "uuid": loader.uuid("gj3su", tail), "owner_uuid": loader.uuid("tpzed", user), "api_token": secret,
            "scopes": scopes, "expires_at": EXPIRED_TOKENS.get(name, FAR_EXPIRY)})


def _load_groups(loader: _Loader) -> None:
    past, future = format_time(loader.store.micros() - 10_000_000), FAR_EXPIRY
    for tail, name, group_class, owner, description in GROUPS:
        trash = {"trash_at": past, "delete_at": future} if tail in TRASHED else {}
        loader.add(GROUP, {
            "uuid": loader.uuid("j7d0g", tail), "owner_uuid": loader.uuid("tpzed", owner), "name": name,
            "group_class": group_class, "description": description,
            # A role past its trash_at stays untrashed until the sweep, but is hidden.
            "is_trashed": tail in TRASHED and group_class != "role", **trash})


def _load_links(loader: _Loader) -> None:
    for tail in STRANGERS:
        loader.store.strangers.add(f"{loader.store.cluster_id}-{tail}")
    for tail, link_class, name, start, end, properties in LINKS:
        loader.add(LINK, {
            "uuid": loader.uuid("o0j2j", tail), "owner_uuid": loader.store.system_user, "link_class": link_class,
            "name": name, "tail_uuid": f"zzzzz-{start}", "head_uuid": f"zzzzz-{end}", "properties": properties,
            "modified_at": OLD, "modified_by_user_uuid": f"zzzzz-tpzed-{ACTIVE}"})


def _load_containers(loader: _Loader) -> None:
    for tail, state, priority, more in CONTAINERS.values():
        loader.add(CONTAINER, {
            "uuid": loader.uuid("dz642", tail), "owner_uuid": loader.store.system_user, "state": state,
            "priority": priority, "command": ["echo", "hello"], "container_image": "test", "cwd": "/tmp",
            "output_path": "/tmp", "mounts": _TMP,
            "runtime_constraints": {**CONSTRAINTS, "ram": 12000000000, "vcpus": 4}, **more})


def _load_requests(loader: _Loader) -> None:
    for tail, name, container, owner in REQUESTS:
        loader.add(REQUEST, {
            "uuid": loader.uuid("xvhdp", tail), "owner_uuid": loader.uuid("tpzed", owner), "name": name,
            "state": "Committed", "priority": 1, "container_uuid": loader.uuid("dz642", container),
            "container_count": 1, "command": ["echo", "hello"], "container_image": "test", "cwd": "/tmp",
            "output_path": "/tmp", "mounts": _TMP, "modified_by_user_uuid": loader.uuid("tpzed", owner),
            "runtime_constraints": {**CONSTRAINTS, "ram": 12000000000, "vcpus": 4}})
