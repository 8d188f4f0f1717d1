"""What any Arvados user can do: create a link that looks like a grant. The user owns it, so it does not count.

    self_grant.py USER_UUID POLICY

ARVADOS_API_HOST, ARVADOS_API_TOKEN: the cluster, and the user's token.
"""
import sys

from arvados_api import Refused, arguments, call, main


def self_grant() -> None:
    user_uuid, policy = arguments(__doc__, 2)
    wish = {"link_class": "vault_policy", "name": policy, "tail_uuid": user_uuid}
    link = call("POST", "links", {"link": wish})
    print(f"{link['uuid']}: created, but its owner is {link['owner_uuid']}")
    try:
        call("POST", "links", {"link": {**wish, "owner_uuid": user_uuid[:5] + "-tpzed-000000000000000"}})
    except Refused as refusal:
        print(f"the same with the system user as its owner: {refusal}")
    else:
        sys.exit("a user could create a link that the system user owns")


main(self_grant)
