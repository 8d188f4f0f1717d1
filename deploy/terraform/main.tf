locals {
  # What is not set is not sent, so that it keeps its value and shows no drift.
  config = { for field, value in var.config : field => value if value != null }
  roles  = { for name, role in var.roles : name => { for field, value in role : field => value if value != null } }
}

resource "vault_plugin" "this" {
  for_each = var.programs

  type    = "auth"
  name    = "arvados"
  version = each.key
  sha256  = each.value
  command = format(var.command, each.key)
}

resource "vault_auth_backend" "this" {
  type        = "arvados"
  path        = var.mount
  description = var.description

  depends_on = [vault_plugin.this]

  lifecycle {
    precondition {
      condition     = contains(keys(var.programs), var.plugin_version)
      error_message = "plugin_version is none of programs."
    }
  }
}

# Which version the mount runs. It is started anew by `bao plugin reload -mounts=auth/arvados/`, when all servers have the file: at the leader, and
# with standby reads on at each node's own address.
resource "vault_generic_endpoint" "version" {
  path                 = "sys/auth/${vault_auth_backend.this.path}/tune"
  disable_delete       = true
  ignore_absent_fields = true
  data_json            = jsonencode({ plugin_version = var.plugin_version })

  depends_on = [vault_plugin.this]
}

# The service token is never read back, and a write without it leaves it as it is.
resource "vault_generic_endpoint" "config" {
  path                 = "auth/${vault_auth_backend.this.path}/config"
  ignore_absent_fields = true
  data_json            = jsonencode(local.config)

  depends_on = [vault_generic_endpoint.version]
}

resource "vault_generic_endpoint" "role" {
  for_each = local.roles

  path                 = "auth/${vault_auth_backend.this.path}/role/${each.key}"
  ignore_absent_fields = true
  data_json            = jsonencode(each.value)

  depends_on = [vault_generic_endpoint.config]
}

resource "vault_policy" "this" {
  for_each = var.policies

  name   = each.key
  policy = each.value
}
