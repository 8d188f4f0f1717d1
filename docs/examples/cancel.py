"""Cancels a container and waits until it has ended. All its requests get priority 0; its run token ends with it.

    cancel.py CONTAINER_UUID

ARVADOS_API_HOST, ARVADOS_API_TOKEN: the cluster, and the user's own or an administrator's token.
"""
import time

from arvados_api import arguments, call, main


def cancel() -> None:
    (uuid,) = arguments(__doc__, 1)
    for request in call("GET", "container_requests", filters=[["container_uuid", "=", uuid]])["items"]:
        call("PATCH", f"container_requests/{request['uuid']}", {"container_request": {"priority": 0}})
        print(f"{request['uuid']}: priority 0; it was created by {request['modified_by_user_uuid']}", flush=True)
    while (state := call("GET", f"containers/{uuid}")["state"]) in ("Queued", "Locked", "Running"):
        print(state, flush=True)
        time.sleep(2)
    print(state)


main(cancel)
