"""Starts a container as far as Arvados records it: a request, and the calls of the dispatcher. For trials only.

    start.py FILE

Writes the container's run token to FILE (0600) and prints the container's uuid. USER_TOKEN is the user's token, ROOT_TOKEN
the cluster's SystemRootToken, which only dispatchers should have.
"""
import os

from arvados_api import arguments, call, main, variable


def start() -> None:
    (path,) = arguments(__doc__, 1)
    dispatcher = variable("ROOT_TOKEN")
    uuid = call("POST", "container_requests", {"container_request": {
        "command": ["true"], "container_image": "fa3c1a9cb6783f85f2ecda037e07b8c3+167", "output_path": "/out",
        "mounts": {"/out": {"kind": "tmp", "capacity": 1000000}}, "runtime_constraints": {"vcpus": 1, "ram": 2, "API": True},
        "state": "Committed", "priority": 1, "use_existing": False,
    }}, variable("USER_TOKEN"))["container_uuid"]
    call("POST", f"containers/{uuid}/lock", {}, dispatcher)
    given = call("GET", f"containers/{uuid}/auth", None, dispatcher)
    call("PATCH", f"containers/{uuid}", {"container": {"state": "Running"}}, dispatcher)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"v2/{given['uuid']}/{given['api_token']}/{uuid}\n")
    print(uuid)


main(start)
