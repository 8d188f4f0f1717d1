# What the exporter's token may: read the counters of the mounts it is told of, and renew itself. Nothing here shows a secret.
path "auth/arvados/status" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
