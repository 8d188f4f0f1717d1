# VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT say where and as whom; both servers read them.
provider "vault" {
  # Otherwise the provider makes itself a token that outlives the run by up to 20 minutes.
  skip_child_token = true
}

variable "programs" {
  description = "Versions of the program and their SHA-256."
  type        = map(string)
}

variable "plugin_version" {
  description = "Which of them runs."
  type        = string
}

variable "arvados_api_host" {
  description = "Arvados' API server, as in ARVADOS_API_HOST."
  type        = string
}

variable "arvados_ca_file" {
  description = "PEM file of the CA of Arvados' API server; null: one of the system's."
  type        = string
  default     = null
}

module "arvados" {
  source = "../"

  programs       = var.programs
  plugin_version = var.plugin_version

  config = {
    arvados_api_host        = var.arvados_api_host
    arvados_ca_cert         = var.arvados_ca_file == null ? null : file(var.arvados_ca_file)
    allowed_policy_prefixes = ["arvados-"]
    default_role            = "pipeline"
  }

  roles = {
    pipeline          = { token_ttl = 600, login_window = 604800 }
    beside-crunch-run = { token_ttl = 120, container_states = ["Locked", "Running"] }
  }

  policies = {
    arvados-genomics-ro = <<-POLICY
      path "secret/data/genomics/*" {
        capabilities = ["read"]
      }
    POLICY
  }
}

output "accessor" {
  description = "The mount's accessor."
  value       = module.arvados.accessor
}
