"""Ends a token of your own, at once.

    delete_token.py TOKEN_UUID

Reads ARVADOS_API_HOST and ARVADOS_API_TOKEN. Arvados lets each user delete his own tokens only; also an admin.
"""
import sys

import arvados

arvados.api("v1").api_client_authorizations().delete(uuid=sys.argv[1]).execute()
print(f"{sys.argv[1]}: deleted")
