# For administrators of the auth method: its config, its roles, and the policies that Arvados may hand
# out. They can open everything that a policy under the prefix can open: they write the policy, and
# they say which user gets it. To separate the two, leave out sys/policies/acl/arvados-*. They cannot
# register a program, and they change nothing outside the prefix.
#
# The name of this policy must not start with a prefix of `allowed_policy_prefixes`: an Arvados
# administrator could grant it.
path "auth/arvados/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}

# Only names under the mount's prefix (`allowed_policy_prefixes`). Arvados roles as external groups
# (docs/guides/roles.md, Identity) are not included: a user who writes groups can take any policy.
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/arvados-*" {
  capabilities = ["create", "read", "update", "delete"]
}

# The rate of logins only: a quota without a path would be the quota of the whole server. A read
# must name the path as well:
#   bao read sys/quotas/rate-limit/arvados-login path=auth/arvados/login
path "sys/quotas/rate-limit/arvados-login" {
  capabilities        = ["create", "read", "update", "delete"]
  required_parameters = ["path"]
  allowed_parameters = {
    "path"           = ["auth/arvados/login"]
    "rate"           = []
    "interval"       = []
    "block_interval" = []
  }
}

# The addresses of the nodes, to wait until each has a change.
path "sys/ha-status" {
  capabilities = ["read"]
}
