output "mount" {
  description = "Where the auth method is: auth/<mount>."
  value       = vault_auth_backend.this.path
}

output "accessor" {
  description = "The mount's accessor, for identity aliases, templated policies and groups."
  value       = vault_auth_backend.this.accessor
}

output "policies" {
  description = "Names of the policies, for whoever grants them in Arvados."
  value       = sort([for policy in vault_policy.this : policy.name])
}
