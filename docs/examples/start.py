"""Runs a container of a user as far as Arvados can tell: a request, and what the dispatcher does with it. For trials only.

    start.py FILE

Writes the container's run token to FILE (0600) and prints the container's uuid. USER_TOKEN is the user's token, ROOT_TOKEN the cluster's
SystemRootToken, which dispatchers have and nobody else should.
"""
import os
import sys

import arvados

host = os.environ["ARVADOS_API_HOST"]
user = arvados.api("v1", host=host, token=os.environ["USER_TOKEN"])
dispatcher = arvados.api("v1", host=host, token=os.environ["ROOT_TOKEN"])

uuid = user.container_requests().create(body={"container_request": {
    "command": ["true"], "container_image": "fa3c1a9cb6783f85f2ecda037e07b8c3+167", "output_path": "/out",
    "mounts": {"/out": {"kind": "tmp", "capacity": 1000000}}, "runtime_constraints": {"vcpus": 1, "ram": 2, "API": True},
    "state": "Committed", "priority": 1, "use_existing": False,
}}).execute()["container_uuid"]
dispatcher.containers().lock(uuid=uuid).execute()
given = dispatcher.containers().auth(uuid=uuid).execute()
dispatcher.containers().update(uuid=uuid, body={"container": {"state": "Running"}}).execute()
with os.fdopen(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    file.write(f"v2/{given['uuid']}/{given['api_token']}/{uuid}\n")
print(uuid)
