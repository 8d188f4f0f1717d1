# For those who look after the auth method: its config, its roles, and the policies that Arvados may hand out. Over what policies
# under the prefix may open they are as good as root: who writes a policy and says who gets it has what it opens. To keep the two
# apart, leave sys/policies/acl/arvados-* to vault admins. They register no program, and nothing outside of the prefix is theirs.
path "auth/arvados/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}

# Only names under the mount's prefix (`allowed_policy_prefixes`). Arvados roles as groups of the vault (docs/guides/roles.md, Identity) are not
# here: who may write groups gives himself any policy.
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/arvados-*" {
  capabilities = ["create", "read", "update", "delete"]
}

# How many logins a second, and of nothing else: a quota without a path is the whole server's. A read must name the path as well:
# bao read sys/quotas/rate-limit/arvados-login path=auth/arvados/login
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

# Who answers, so that a change can be waited for on every node.
path "sys/ha-status" {
  capabilities = ["read"]
}
