"""Ends a container, as the dispatcher does when its process has exited. For trials only.

    finish.py CONTAINER_UUID

ARVADOS_API_HOST, ARVADOS_API_TOKEN: the cluster, and its SystemRootToken.
"""
from arvados_api import arguments, call, main


def finish() -> None:
    (uuid,) = arguments(__doc__, 1)
    container = call("PATCH", f"containers/{uuid}", {"container": {"state": "Complete", "exit_code": 0}})
    print(f"{container['uuid']}: {container['state']}")


main(finish)
