# For each user's containers: read and write below the user's own uuid only. Replace ACCESSOR by the
# accessor of the mount: bao read -field=accessor sys/auth/arvados
path "secret/data/users/{{identity.entity.aliases.ACCESSOR.name}}/*" {
  capabilities = ["create", "read", "update", "delete"]
}
