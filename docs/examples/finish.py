"""Ends a container, as the dispatcher does when its process has exited.

    finish.py CONTAINER_UUID
"""
import sys

import arvados

container = arvados.api("v1").containers().update(
    uuid=sys.argv[1], body={"container": {"state": "Complete", "exit_code": 0}}).execute()
print(f"{container['uuid']}: {container['state']}")
