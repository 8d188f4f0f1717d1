"""What the records look like: one table per kind of record.

The order of the columns is the order of the raw Rails answer; the Go router
sorts by name. `hidden` columns never leave the server.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

COMMON = "uuid:string owner_uuid:string created_at:datetime modified_by_user_uuid:string modified_at:datetime"

# What a column of each type holds when nothing was given.
EMPTY: dict[str, Any] = {"Hash": {}, "Array": [], "jsonb": {}, "boolean": False}

# The only strings for which the Go router keeps null; all others become "".
GO_KEEPS_NULL = frozenset(
    "description container_uuid log_uuid output_uuid output_name requesting_container_uuid frozen_by_uuid".split()
)


@dataclass(frozen=True)
class Model:
    name: str
    resource: str
    singular: str
    infix: str
    columns: dict[str, str]
    virtual: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    unfilterable: frozenset[str] = frozenset()
    defaults: dict[str, Any] = field(default_factory=dict)
    trailing: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "arvados#" + self.name[0].lower() + self.name[1:]

    def types(self) -> dict[str, str]:
        return {**self.columns, **self.virtual}

    def shown(self) -> list[str]:
        """Names in the order of a raw Rails answer, without kind and etag."""
        names = [n for n in self.types() if n not in self.hidden and n not in self.trailing]
        return names + list(self.trailing)

    def blank(self) -> dict[str, Any]:
        row = {name: copy.deepcopy(EMPTY.get(kind)) for name, kind in self.columns.items()}
        row.update(copy.deepcopy(self.defaults))
        return row


def _table(spec: str) -> dict[str, str]:
    return dict(item.split(":") for item in spec.split())


def _model(name: str, resource: str, infix: str, spec: str, **more: Any) -> Model:
    singular = resource[:-1]
    virtual = _table(more.pop("virtual", ""))
    for names in ("hidden", "unfilterable"):
        more[names] = frozenset(more.get(names, "").split())
    return Model(name, resource, singular, infix, _table(f"{COMMON} {spec}"), virtual, **more)


CONSTRAINTS: dict[str, Any] = {
    "API": False,
    "gpu": {"device_count": 0, "driver_version": "", "hardware_target": [], "stack": "", "vram": 0},
    "keep_cache_disk": 0,
    "keep_cache_ram": 0,
    "ram": 0,
    "vcpus": 0,
}

SCHEDULING: dict[str, Any] = {"max_run_time": 0, "partitions": [], "preemptible": False, "supervisor": False}

MOUNT: dict[str, Any] = {
    "capacity": 0,
    "content": None,
    "device_type": "",
    "exclude_from_output": False,
    "kind": "",
    "path": "",
    "portable_data_hash": "",
    "uuid": "",
    "writable": False,
}

USER = _model(
    "User",
    "users",
    "tpzed",
    "email:string first_name:string last_name:string identity_url:string is_admin:boolean is_active:boolean"
    " prefs:Hash username:string",
    virtual="full_name:string is_invited:boolean can_write:boolean can_manage:boolean writable_by:Array",
)

GROUP = _model(
    "Group",
    "groups",
    "j7d0g",
    "name:string group_class:string description:text properties:Hash is_trashed:boolean trash_at:datetime"
    " delete_at:datetime frozen_by_uuid:string",
    virtual="can_write:boolean can_manage:boolean writable_by:Array",
)

LINK = _model(
    "Link",
    "links",
    "o0j2j",
    "tail_uuid:string link_class:string name:string head_uuid:string properties:Hash",
    virtual="head_kind:string tail_kind:string",
    trailing=("properties",),
)

TOKEN = _model(
    "ApiClientAuthorization",
    "api_client_authorizations",
    "gj3su",
    "api_token:string created_by_ip_address:string expires_at:datetime last_used_at:datetime"
    " last_used_by_ip_address:string scopes:Array",
    defaults={"scopes": ["all"]},
)

CONTAINER = _model(
    "Container",
    "containers",
    "dz642",
    "command:Array container_image:string cwd:string environment:Hash exit_code:integer finished_at:datetime"
    " locked_by_uuid:string log:string mounts:Hash output:string output_path:string output_glob:Array"
    " priority:integer progress:float runtime_constraints:Hash runtime_status:Hash started_at:datetime state:string"
    " auth_uuid:string scheduling_parameters:Hash runtime_user_uuid:text runtime_auth_scopes:Array"
    " lock_count:integer gateway_address:string interactive_session_started:boolean output_storage_classes:Array"
    " output_properties:Hash cost:float subrequests_cost:float service:boolean published_ports:jsonb"
    " secret_mounts:Hash secret_mounts_md5:string runtime_token:text",
    hidden="secret_mounts secret_mounts_md5 runtime_token",
    unfilterable="secret_mounts secret_mounts_md5 runtime_token gateway_address output_storage_classes",
    defaults={
        "state": "Queued",
        "priority": 0,
        "lock_count": 0,
        "cost": 0.0,
        "subrequests_cost": 0.0,
        "output_storage_classes": ["default"],
        "runtime_constraints": CONSTRAINTS,
        "scheduling_parameters": SCHEDULING,
    },
)

REQUEST = _model(
    "ContainerRequest",
    "container_requests",
    "xvhdp",
    "name:string description:text properties:Hash state:string requesting_container_uuid:string"
    " container_uuid:string container_count_max:integer container_count:integer mounts:Hash"
    " runtime_constraints:Hash container_image:string environment:Hash cwd:string command:Array output_path:string"
    " output_glob:Array priority:integer expires_at:datetime filters:text log_uuid:string output_uuid:string"
    " output_name:string output_ttl:integer output_storage_classes:Array output_properties:Hash"
    " cumulative_cost:float scheduling_parameters:Hash use_existing:boolean runtime_token:text service:boolean"
    " published_ports:jsonb secret_mounts:Hash",
    hidden="secret_mounts",
    unfilterable="runtime_token secret_mounts",
    defaults={
        "state": "Uncommitted",
        "container_count": 0,
        "container_count_max": 3,
        "priority": 0,
        "output_ttl": 0,
        "cumulative_cost": 0,
        "use_existing": True,
        "output_storage_classes": ["default"],
        "runtime_constraints": CONSTRAINTS,
        "scheduling_parameters": SCHEDULING,
    },
)

MODELS: tuple[Model, ...] = (USER, GROUP, LINK, TOKEN, CONTAINER, REQUEST)
BY_INFIX: dict[str, Model] = {model.infix: model for model in MODELS}
BY_RESOURCE: dict[str, Model] = {model.resource: model for model in MODELS}

# Kinds that are not served but may stand at the end of a link.
KIND_BY_INFIX: dict[str, str] = {
    **{model.infix: model.kind for model in MODELS},
    "4zz18": "arvados#collection",
    "2x53u": "arvados#virtualMachine",
    "7fd4e": "arvados#workflow",
    "oss07": "arvados#credential",
    "57u5n": "arvados#log",
}


def infix_of(uuid: Any) -> str | None:
    """The type part of a uuid, or None if this is no uuid at all."""
    if not isinstance(uuid, str) or len(uuid) != 27 or uuid[5] != "-" or uuid[11] != "-":
        return None
    return uuid[6:11]


def kind_of(uuid: Any) -> str | None:
    return KIND_BY_INFIX.get(infix_of(uuid) or "")
