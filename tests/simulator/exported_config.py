"""`/arvados/v1/config`: the part of the configuration that everybody may see (notes 7)."""

from __future__ import annotations

from typing import Any

from . import fixtures
from .query import MAX_ITEMS

PATH = "/arvados/v1/config"


def document(cluster_id: str, base_url: str) -> dict[str, Any]:
    return {
        "ClusterID": cluster_id,
        "API": {"MaxItemsPerResponse": MAX_ITEMS, "MaxRequestSize": 134217728, "RequestTimeout": "5m"},
        "Users": {"AnonymousUserToken": fixtures.ANONYMOUS_SECRET, "CanCreateRoleGroups": True},
        "Login": {"LoginCluster": "", "RemoteTokenRefresh": "5m"},
        "Services": {"Controller": {"ExternalURL": f"{base_url}/"}},
    }
