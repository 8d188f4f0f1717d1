# For the Prometheus exporter: read the counters of each mount, and renew its own token. Add a path for
# each further mount. None of these paths shows a secret.
path "auth/arvados/status" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
