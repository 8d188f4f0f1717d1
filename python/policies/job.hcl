# The secrets of the data jobs of one team, for arvados_vault.Job and the Versatile Data Kit.
#
# Replace TEAM by the team's name. To let a login use one job only, replace + by the job's name. Write the policy under a name
# that "allowed_policy_prefixes" of the mount admits, and grant it to the Arvados role (group) of the team:
#
#   sed 's/TEAM/genomics/' job.hcl | bao policy write arvados-jobs-genomics -
#   arv-vault grant add ROLE_UUID arvados-jobs-genomics

# Bulk read and check-and-set write. Deleting a secret, and its old versions, stay with the administrator.
path "secret/data/jobs/TEAM/+" {
  capabilities = ["create", "read", "update"]
}

# Which jobs of the team have secrets.
path "secret/metadata/jobs/TEAM/" {
  capabilities = ["list"]
}
