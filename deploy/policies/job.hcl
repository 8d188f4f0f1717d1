# For the containers of one team: read the secrets that the team's users write. Write it once for each
# team, under a name that the mount's `allowed_policy_prefixes` admits:
#
#   sed 's/TEAM/genomics/' deploy/policies/job.hcl | bao policy write arvados-genomics-ro -
#
# An Arvados administrator then grants it to users, or to the Arvados role that is the team.
path "secret/data/TEAM/*" {
  capabilities = ["read"]
}
path "secret/metadata/TEAM/*" {
  capabilities = ["list", "read"]
}
