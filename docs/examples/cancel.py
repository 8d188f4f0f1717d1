"""Cancels what a container runs for: all its requests get priority 0, and the dispatcher ends it. Its run token dies with it.

    cancel.py CONTAINER_UUID

Reads ARVADOS_API_HOST and ARVADOS_API_TOKEN: the user's own, or an admin's.
"""
import sys

import arvados

api = arvados.api("v1")
requests = api.container_requests().list(filters=[["container_uuid", "=", sys.argv[1]]]).execute()["items"]
for request in requests:
    api.container_requests().update(uuid=request["uuid"], body={"container_request": {"priority": 0}}).execute()
    print(f"{request['uuid']}: priority 0, was asked for by {request['modified_by_user_uuid']}")
