"""Prints the user to whom the token in ARVADOS_API_TOKEN belongs.

    whoami.py
"""
from arvados_api import arguments, call, main


def whoami() -> None:
    arguments(__doc__, 0)
    user = call("GET", "users/current")
    print(f"{user['uuid']}: {user['username']}")


main(whoami)
