"""Grants a policy to an Arvados user: an admin's link, owned by the system user.

    grant.py USER_UUID POLICY

Reads ARVADOS_API_HOST and ARVADOS_API_TOKEN (an admin's) like every Arvados tool.
"""
import sys

import arvados

user_uuid, policy = sys.argv[1:]
system_user = user_uuid[:5] + "-tpzed-000000000000000"
link = arvados.api("v1").links().create(body={"link": {
    "link_class": "vault_policy",
    "name": policy,
    "tail_uuid": user_uuid,
    # Without this the link would be owned by the admin's own account and would not count.
    "owner_uuid": system_user,
}}).execute()
print(f"{link['uuid']}: {link['tail_uuid']} may have {link['name']} (owner {link['owner_uuid']})")
