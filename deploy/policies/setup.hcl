# For the administrator who installs the plugins and sets up the mounts `arvados/`, as the README and
# docs/tutorials do. A token with this policy can register a program that the server runs, so it is
# as powerful as a root token. Revoke it when the set-up is done, and work with `method-admin`.

# Register the plugins and reload them.
path "sys/plugins/catalog" {
  capabilities = ["read", "list", "sudo"]
}
path "sys/plugins/catalog/auth" {
  capabilities = ["list", "sudo"]
}
path "sys/plugins/catalog/auth/arvados" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/plugins/catalog/secret/arvados" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/plugins/reload/backend" {
  capabilities = ["update", "sudo"]
}

# Enable, tune and disable the auth method; `arvados-*` are further mounts, for several clusters.
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/arvados" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}
path "sys/auth/arvados-*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/mounts/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}
path "auth/arvados/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "auth/arvados-*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Enable the secrets engines: KV at `secret/`, Arvados tokens at `arvados/`.
path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/mounts/secret" {
  capabilities = ["create", "read", "update"]
}
path "sys/mounts/arvados" {
  capabilities = ["create", "read", "update", "delete"]
}
path "sys/mounts/arvados/tune" {
  capabilities = ["read", "update"]
}
path "arvados/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Write the first secret.
path "secret/data/*" {
  capabilities = ["create", "read", "update"]
}
path "secret/config" {
  capabilities = ["read"]
}

# Write the policies of deploy/policies, and those that Arvados may hand out.
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/arvados-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "sys/policies/acl/method-admin" {
  capabilities = ["create", "read", "update"]
}
path "sys/policies/acl/operator" {
  capabilities = ["create", "read", "update"]
}
path "sys/policies/acl/responder" {
  capabilities = ["create", "read", "update"]
}
path "sys/policies/acl/granter" {
  capabilities = ["create", "read", "update"]
}
path "sys/policies/acl/exporter" {
  capabilities = ["create", "read", "update"]
}

# Create tokens for the exporter and for the Arvados administrators, without a parent.
path "auth/token/create-orphan" {
  capabilities = ["create", "update", "sudo"]
}

# Limit the rate of logins, and see that an audit device is enabled.
path "sys/quotas/rate-limit/arvados-login" {
  capabilities = ["create", "read", "update", "delete"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
