# For those who look after the auth method: its config, roles, what Arvados may hand out, and the policies it hands out. They
# don't choose which program runs, nor see any secret.
path "auth/arvados/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}

# Only names under the mount's prefix (`allowed_policy_prefixes`). Whoever writes these says what containers may read: it is as
# much as reading it.
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/arvados-*" {
  capabilities = ["create", "read", "update", "delete"]
}

# Arvados roles as groups of the vault (docs/auth.md, Identity).
path "identity/group" {
  capabilities = ["create", "update"]
}
path "identity/group-alias" {
  capabilities = ["create", "update"]
}

# How many logins a second; and who answers, so that a change can be waited for on every node.
path "sys/quotas/rate-limit/arvados-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "sys/ha-status" {
  capabilities = ["read"]
}
