# Each user's containers read and write below his own uuid and nowhere else. ACCESSOR is that of the mount:
#   bao auth list -format=json | jq -r '."arvados/".accessor'
path "secret/data/users/{{identity.entity.aliases.ACCESSOR.name}}/*" {
  capabilities = ["create", "read", "update", "delete"]
}
