"""The discovery document, built from the tables of models (notes 7, 13.41)."""

from __future__ import annotations

from typing import Any, Iterable

from .models import MODELS, Model
from .query import MAX_ITEMS
from .store import Store

PATH = "/discovery/v1/apis/arvados/v1/rest"
REVISION = "20250402"
PACKAGE_VERSION = "3.2.1"
SOURCE_VERSION = "985b2e50ea28effd57a9ef6fe1775ba817d6154f"

_SCOPE = "https://api.arvados.org/auth/arvados"
_READONLY = f"{_SCOPE}.readonly"

Table = dict[str, Any]


class Twice(dict):  # type: ignore[type-arg]
    """An object that is written with one key standing twice, as the real document does."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self._pairs = list(pairs)
        super().__init__(self._pairs)

    def items(self) -> Any:
        return list(self._pairs)


# name: (type, default, required, location)
_PARAMETERS: dict[str, tuple[str, str | None, bool, str]] = {
    "uuid": ("string", None, True, "path"),
    "filters": ("array", None, False, "query"),
    "where": ("object", None, False, "query"),
    "order": ("array", None, False, "query"),
    "select": ("array", None, False, "query"),
    "distinct": ("boolean", "false", False, "query"),
    "limit": ("integer", "100", False, "query"),
    "offset": ("integer", "0", False, "query"),
    "count": ("string", "exact", False, "query"),
    "cluster_id": ("string", None, False, "query"),
    "bypass_federation": ("boolean", "false", False, "query"),
    "include_trash": ("boolean", "false", False, "query"),
    "ensure_unique_name": ("boolean", "false", False, "query"),
}

_LIST = "filters where order select distinct limit offset count cluster_id bypass_federation"
_LIST_COMPUTED = "filters where order select distinct limit count"

# method: (HTTP method, path behind the resource, parameters, kind of request, kind of answer)
_CRUD: dict[str, tuple[str, str, str, bool, str]] = {
    "get": ("GET", "/{uuid}", "uuid select", False, "record"),
    "list": ("GET", "", _LIST, False, "list"),
    "create": ("POST", "", "select ensure_unique_name cluster_id", True, "record"),
    "update": ("PUT", "/{uuid}", "uuid select", True, "record"),
    "delete": ("DELETE", "/{uuid}", "uuid", False, "record"),
}

_CURRENT = ("GET", "/current", "", False, "record")

_MORE: dict[str, dict[str, tuple[str, str, str, bool, str]]] = {
    "users": {
        "current": _CURRENT,
        "system": ("GET", "/system", "", False, "record"),
        "activate": ("POST", "/{uuid}/activate", "uuid", False, "record"),
        "unsetup": ("POST", "/{uuid}/unsetup", "uuid", False, "record"),
    },
    "groups": {
        "list": ("GET", "", f"{_LIST} include_trash", False, "list"),
        "shared": ("GET", "/shared", f"{_LIST} include_trash", False, "list"),
        "trash": ("POST", "/{uuid}/trash", "uuid", False, "record"),
        "untrash": ("POST", "/{uuid}/untrash", "uuid", False, "record"),
    },
    "links": {"get_permissions": ("GET", "../permissions/{uuid}", "uuid", False, "list")},
    "api_client_authorizations": {"current": _CURRENT},
    "containers": {
        "current": _CURRENT,
        "auth": ("GET", "/{uuid}/auth", "uuid", False, "record"),
        "secret_mounts": ("GET", "/{uuid}/secret_mounts", "uuid", False, "record"),
        "lock": ("POST", "/{uuid}/lock", "uuid", False, "record"),
        "unlock": ("POST", "/{uuid}/unlock", "uuid", False, "record"),
    },
}

# Made only through container requests, so not offered.
_WITHOUT = {"containers": ("create", "delete")}


def _parameters(names: str) -> Table:
    table = {}
    for name in names.split():
        kind, default, required, location = _PARAMETERS[name]
        table[name] = {"type": kind, "required": required, "location": location, "description": ""}
        if default is not None:
            table[name]["default"] = default
    return table


def _method(resource: str, record: str, name: str, spec: tuple[str, str, str, bool, str], singular: str) -> Table:
    http_method, path, parameters, has_body, answer = spec
    full_path = path.removeprefix("../") if path.startswith("../") else f"{resource}{path}"
    reference = f"{record}List" if answer == "list" else record
    body = {"required": True, "properties": {singular: {"$ref": record}}} if has_body else None
    read_only = name in ("get", "list")
    method = {
        "id": f"arvados.{resource}.{name}",
        "path": full_path,
        "httpMethod": http_method,
        "description": "",
        "parameters": _parameters(parameters),
        "response": {"$ref": reference},
        "scopes": [_SCOPE, _READONLY] if read_only else [_SCOPE],
    }
    return {**method, "request": body} if body else method


def _resource(model: Model) -> Table:
    methods = {**_CRUD, **_MORE.get(model.resource, {})}
    kept = {name: spec for name, spec in methods.items() if name not in _WITHOUT.get(model.resource, ())}
    made = {name: _method(model.resource, model.name, name, spec, model.singular) for name, spec in kept.items()}
    return {"methods": made}


def _resources() -> Table:
    table = {model.resource: _resource(model) for model in MODELS}
    spec = ("GET", "", _LIST_COMPUTED, False, "list")
    method = _method("computed_permissions", "ComputedPermission", "list", spec, "computed_permission")
    table["computed_permissions"] = {"methods": {"list": method}}
    # Answered by the controller; the Python client asks for it by this name.
    table["configs"] = {
        "methods": {"get": {"id": "arvados.configs.get", "path": "config", "httpMethod": "GET", "parameters": {},
                            "parameterOrder": [], "response": {}, "scopes": [_SCOPE, _READONLY]}}
    }
    return dict(sorted(table.items()))


def _schema(model: Model) -> Table:
    columns = [(name, {"type": kind}) for name, kind in model.columns.items() if name not in model.hidden]
    first = [("etag", {"type": "string", "description": "Object cache version."}),
             ("uuid", {"type": "string", "description": "This object's Arvados UUID."})]
    return {
        "id": model.name,
        "description": f"Arvados {model.name} object.",
        "type": "object",
        "uuidPrefix": model.infix,
        # `uuid` stands twice in the real one (13.41).
        "properties": Twice(first + columns),
    }


def _list_schema(name: str) -> Table:
    kind = f"arvados#{name[0].lower()}{name[1:]}List"
    return {
        "id": f"{name}List",
        "description": f"A list of {name} objects.",
        "type": "object",
        "properties": {
            "kind": {"type": "string", "description": "Object type.", "default": kind},
            "etag": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": name}},
        },
    }


def _schemas() -> Table:
    table: Table = {}
    for model in MODELS:
        table[f"{model.name}List"] = _list_schema(model.name)
        table[model.name] = _schema(model)
    table["ComputedPermissionList"] = _list_schema("ComputedPermission")
    properties = {name: {"type": "string"} for name in ("user_uuid", "target_uuid", "perm_level")}
    table["ComputedPermission"] = {"id": "ComputedPermission", "type": "object", "properties": properties}
    return table


_HEAD: Table = {
    "kind": "discovery#restDescription",
    "discoveryVersion": "v1",
    "id": "arvados:v1",
    "name": "arvados",
    "version": "v1",
    "revision": REVISION,
    "source_version": SOURCE_VERSION,
    "sourceVersion": SOURCE_VERSION,
    "packageVersion": PACKAGE_VERSION,
    "generatedAt": "2026-01-01T00:00:00Z",
    "title": "Arvados API",
    "description": "The API to interact with Arvados.",
    "documentationLink": "http://doc.arvados.org/api/index.html",
    "defaultCollectionReplication": 2,
    "protocol": "rest",
}

_TAIL: Table = {
    "defaultTrashLifetime": 1209600,
    "blobSignatureTtl": 1209600,
    "maxRequestSize": 134217728,
    "maxItemsPerResponse": MAX_ITEMS,
    "dockerImageFormats": ["v1", "v2"],
    "crunchLogUpdatePeriod": 1800,
    "crunchLogUpdateSize": 33554432,
    "remoteHosts": {},
    "remoteHostsViaDNS": False,
    "websocketUrl": "",
    "workbenchUrl": "",
    "workbench2Url": "",
    "keepWebServiceUrl": "",
    "parameters": {},
    "auth": {
        "oauth2": {
            "scopes": {
                _SCOPE: {"description": "View and manage objects"},
                _READONLY: {"description": "View objects"},
            }
        }
    },
}


def document(store: Store, base_url: str) -> Table:
    places = {
        "baseUrl": f"{base_url}/arvados/v1/",
        "basePath": "/arvados/v1/",
        "rootUrl": f"{base_url}/",
        "servicePath": "arvados/v1/",
        "batchPath": "batch",
        "uuidPrefix": store.cluster_id,
    }
    return {**_HEAD, **places, **_TAIL, "resources": _resources(), "schemas": _schemas()}
