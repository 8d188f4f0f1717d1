"""The rules of each kind of record, a module each; ROUTES is the Rails routing table."""

from __future__ import annotations

from . import computed_permissions, container_requests, containers, groups, links, tokens, users

ROUTES = [
    route
    for module in (users, groups, links, tokens, containers, container_requests, computed_permissions)
    for route in module.ROUTES
]
