# OpenTofu takes the same. data_json of vault_generic_endpoint stands in the state: nothing secret goes through it.
terraform {
  required_version = ">= 1.5"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0"
    }
  }
}
