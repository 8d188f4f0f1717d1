# For the on-call engineer, in addition to `method-admin` and `operator`: what docs/guides/runbook.md
# does after a leak. It shows no secret. It can revoke every token of the server and lock out every
# user with an entity, so give it to few.

# List tokens, and revoke them.
path "auth/token/accessors" {
  capabilities = ["list", "sudo"]
}
path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}
path "sys/leases/revoke-prefix/auth/arvados/*" {
  capabilities = ["update", "sudo"]
}

# Disable and enable an entity, but not its name or its policies.
path "identity/lookup/entity" {
  capabilities = ["update"]
}
path "identity/entity/id/*" {
  capabilities       = ["read", "update"]
  allowed_parameters = { "disabled" = [] }
}
path "sys/auth/arvados" {
  capabilities = ["read", "sudo"]
}

# Raise the log level, and find a token in the audit log.
path "sys/loggers" {
  capabilities = ["update", "delete"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
path "sys/audit-hash/*" {
  capabilities = ["update"]
}

# Which program the server is to run.
path "sys/plugins/catalog" {
  capabilities = ["read", "sudo"]
}
