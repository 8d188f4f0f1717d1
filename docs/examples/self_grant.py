"""What any Arvados user can do: make a link that looks like a grant. It is owned by himself, so it does not count.

    self_grant.py USER_UUID POLICY
"""
import sys

import arvados

user_uuid, policy = sys.argv[1:]
api = arvados.api("v1")
wish = {"link_class": "vault_policy", "name": policy, "tail_uuid": user_uuid}
link = api.links().create(body={"link": wish}).execute()
print(f"{link['uuid']}: made, but its owner is {link['owner_uuid']}")
try:
    api.links().create(body={"link": {**wish, "owner_uuid": user_uuid[:5] + "-tpzed-000000000000000"}}).execute()
except arvados.errors.ApiError as refusal:
    print(f"the same with the system user as its owner: {refusal.resp.status} {refusal.resp.reason}")
else:
    sys.exit("a user could make a link that the system user owns")
