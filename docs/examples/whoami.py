"""Prints the user whose token ARVADOS_API_TOKEN is.

    whoami.py
"""
import sys

import arvados
import arvados.errors

try:
    user = arvados.api("v1").users().current().execute()
except arvados.errors.ApiError as refused:
    sys.exit(f"whoami.py: Arvados refuses the token: {refused}")
print(f"{user['uuid']}: {user['username']}")
