variable "programs" {
  description = "Versions of the program and their published SHA-256, as { \"v0.1.0\" = \"...\" }. Each must be a file in plugin_directory of every server before it is named here. Old and new stand side by side during an upgrade."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.programs) > 0 && alltrue([for version, sum in var.programs : can(regex("^v[0-9]", version)) && can(regex("^[0-9a-f]{64}$", sum))])
    error_message = "At least one version, each what the program says of itself (as v0.1.0), with a SHA-256 of 64 lower-case hexadecimal digits."
  }
}

variable "plugin_version" {
  description = "Which of them the mount runs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^v[0-9]", var.plugin_version))
    error_message = "What the program says of itself, as v0.1.0."
  }
}

variable "command" {
  description = "The program's file in plugin_directory; %s is the version."
  type        = string
  default     = "vault-plugin-auth-arvados-%s"
  nullable    = false
}

variable "mount" {
  description = "Where the auth method is enabled: auth/<mount>."
  type        = string
  default     = "arvados"
  nullable    = false

  validation {
    condition     = can(regex("^[^/]+(/[^/]+)*$", var.mount))
    error_message = "A path without a slash at its ends, and without auth/ before it."
  }
}

variable "description" {
  description = "What `bao auth list` shows."
  type        = string
  default     = "containers of Arvados"
  nullable    = false
}

variable "config" {
  description = "Fields of auth/<mount>/config (docs/reference/api.md); durations are seconds. A field that is left out is not managed: it keeps its value. The service token is not here, since it would stand in the state."
  nullable    = false

  type = object({
    allowed_policies        = optional(list(string))
    allowed_policy_prefixes = list(string)
    allowed_token_clusters  = optional(list(string))
    allowed_user_clusters   = optional(list(string))
    arvados_api_host        = string
    arvados_ca_cert         = optional(string)
    cache_ttl               = optional(number)
    cluster_id              = optional(string)
    default_role            = optional(string)
    group_alias_uuids       = optional(list(string))
    link_class              = optional(string)
    login_kind              = optional(string)
    logins                  = optional(string)
    max_concurrent_requests = optional(number)
    max_policies            = optional(number)
    max_retries             = optional(number)
    prefixes_by_owner       = optional(map(string))
    request_timeout         = optional(number)
    tls_server_name         = optional(string)
    trusted_link_modifiers  = optional(list(string))
    trusted_link_owners     = optional(list(string))
    verify_connection       = optional(bool)
  })

  validation {
    condition     = length(var.config.allowed_policy_prefixes) > 0 && alltrue([for prefix in var.config.allowed_policy_prefixes : can(regex("^[a-z0-9][a-z0-9_-]*[-_]$", prefix))])
    error_message = "allowed_policy_prefixes needs at least one entry, and each ends in - or _."
  }

  validation {
    condition     = !can(regex("^http:", var.config.arvados_api_host))
    error_message = "arvados_api_host is host or host:port, always by https."
  }
}

variable "roles" {
  description = "Fields of auth/<mount>/role/<name> (docs/reference/api.md), by name; durations are seconds. A field that is left out is not managed."
  default     = {}
  nullable    = false

  type = map(object({
    allow_admins            = optional(bool)
    allow_runtime_token     = optional(bool)
    allow_salted            = optional(bool)
    allowed_policy_prefixes = optional(list(string))
    bound_container_images  = optional(list(string))
    bound_group_uuids       = optional(list(string))
    bound_user_uuids        = optional(list(string))
    container_states        = optional(list(string))
    deny_interactive        = optional(bool)
    login_window            = optional(number)
    require_grant           = optional(bool)
    salt_label              = optional(string)
    token_bound_cidrs       = optional(list(string))
    token_explicit_max_ttl  = optional(number)
    token_max_ttl           = optional(number)
    token_no_default_policy = optional(bool)
    token_num_uses          = optional(number)
    token_period            = optional(number)
    token_policies          = optional(list(string))
    token_strictly_bind_ip  = optional(bool)
    token_ttl               = optional(number)
    token_type              = optional(string)
  }))

  validation {
    condition     = alltrue([for name, _ in var.roles : can(regex("^[a-z0-9][a-z0-9._-]{0,127}$", name))])
    error_message = "A role's name has lower-case letters, digits, dots, dashes and underscores."
  }
}

variable "policies" {
  description = "Policies by name. Arvados admins can grant those under allowed_policy_prefixes."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, _ in var.policies : can(regex("^[a-z0-9][a-z0-9_-]{0,62}$", name))])
    error_message = "The plugin counts names of lower-case letters, digits, - and _, 63 at most."
  }
}
