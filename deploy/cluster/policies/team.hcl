# What a team's containers may: read what the team's people write. One for each team, named arvados-@TEAM@-ro; Arvados admins
# grant it to users, or to the Arvados role that is the team.
path "secret/data/@TEAM@/*" {
  capabilities = ["read"]
}
path "secret/metadata/@TEAM@/*" {
  capabilities = ["list", "read"]
}
