# For those who keep the cluster running. Two of these are as good as root, and are meant to be: who may register a plugin
# chooses a program that the server runs, and who has a snapshot and the keys has everything.
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

# How the method is: nothing of it can be changed by these.
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
