# For whoever is on call, beside `arvados-admin` and `operator`: what docs/guides/runbook.md does when something has leaked. It shows no secret,
# and it can end every token of this server and lock out everybody whom it knows, root too: give it to few.

# Whose tokens live, and their end.
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

# Lock a user out and let him in again; neither name nor policies of his.
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

# What is in the logs: more of it, and is this token that one.
path "sys/loggers" {
  capabilities = ["update", "delete"]
}
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
path "sys/audit-hash/*" {
  capabilities = ["update"]
}

# Which program the server wants to run.
path "sys/plugins/catalog" {
  capabilities = ["read", "sudo"]
}
