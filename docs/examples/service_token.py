"""Makes a service token for the plugin: an admin's token that can only list what the plugin asks for.

    service_token.py FILE

Writes the token to FILE (0600) instead of printing it. Reads ARVADOS_API_HOST and ARVADOS_API_TOKEN (an admin's).
"""
import os
import sys

import arvados

SCOPES = [
    "GET /arvados/v1/links",
    "GET /arvados/v1/users",
    "GET /arvados/v1/containers",
    "GET /arvados/v1/groups",
    "GET /arvados/v1/computed_permissions",
]

record = arvados.api("v1").api_client_authorizations().create(
    body={"api_client_authorization": {"scopes": SCOPES}}).execute()
handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
with os.fdopen(handle, "w") as file:
    file.write(f"v2/{record['uuid']}/{record['api_token']}\n")
print(f"{record['uuid']}: scopes {', '.join(SCOPES)}")
