"""Grants a policy to an Arvados user or role: a link that the system user owns.

    grant.py UUID POLICY

ARVADOS_API_HOST, ARVADOS_API_TOKEN: the cluster, and an administrator's token. `arv-vault grant add` does the same and
checks first that the policy counts at the mount.
"""
from arvados_api import arguments, call, main


def grant() -> None:
    uuid, policy = arguments(__doc__, 2)
    system_user = uuid[:5] + "-tpzed-000000000000000"
    link = call("POST", "links", {"link": {
        "link_class": "vault_policy",
        "name": policy,
        "tail_uuid": uuid,
        # Without this the administrator's own account would own the link, and it would not count.
        "owner_uuid": system_user,
    }})
    print(f"{link['uuid']}: {link['tail_uuid']} may have {link['name']} (owner {link['owner_uuid']})")


main(grant)
