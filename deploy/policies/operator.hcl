# For operators of the cluster. Two of these rights are as powerful as a root token: an operator who
# registers a plugin chooses a program that the server runs, and a snapshot together with the unseal
# keys contains everything.
path "sys/plugins/catalog/auth/arvados" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/plugins/catalog/auth/arvados/*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}
path "sys/plugins/catalog/auth" {
  capabilities = ["list", "sudo"]
}
path "sys/plugins/reload/backend" {
  capabilities = ["update", "sudo"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}
path "sys/mounts/auth/arvados/tune" {
  capabilities = ["read", "update", "sudo"]
}

path "sys/storage/raft/snapshot" {
  capabilities = ["read", "create", "update"]
}
path "sys/storage/raft/configuration" {
  capabilities = ["read"]
}
path "sys/storage/raft/autopilot/*" {
  capabilities = ["read", "update"]
}
path "sys/storage/raft/remove-peer" {
  capabilities = ["update"]
}
path "sys/ha-status" {
  capabilities = ["read"]
}
path "sys/step-down" {
  capabilities = ["update", "sudo"]
}
path "sys/metrics" {
  capabilities = ["read"]
}

# The state of the auth method. None of these paths changes it.
path "auth/arvados/status" {
  capabilities = ["read"]
}
path "auth/arvados/version" {
  capabilities = ["read"]
}
path "auth/arvados/version/client-only" {
  capabilities = ["read"]
}
path "auth/arvados/config/check" {
  capabilities = ["read"]
}
