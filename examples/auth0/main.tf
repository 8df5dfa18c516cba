# A custom database connection that asks Userbridge. The secret is kept in Terraform's state: protect that.

terraform {
  required_providers {
    auth0 = {
      source  = "auth0/auth0"
      version = ">= 1.0"
    }
  }
}

variable "url" {
  description = "The gateway's public address, as in https://users.example.com"
  type        = string
}

variable "connector" {
  description = "The connector's name, as in its definition"
  type        = string
}

variable "client_id" {
  description = "The client's id in userbridge.yaml"
  type        = string
  default     = "auth0"
}

variable "client_secret" {
  description = "The key that `userbridge client new auth0` printed"
  type        = string
  sensitive   = true
}

locals {
  # Leave out what the connector's definition does not declare.
  actions = [
    "login",
    "get_user",
    "create",
    "verify",
    "change_password",
    "change_email",
    "change_username",
    "change_phone_number",
    "delete",
  ]
}

resource "auth0_connection" "userbridge" {
  name     = "userbridge"
  strategy = "auth0"

  options {
    enabled_database_customization = true
    import_mode                    = false
    brute_force_protection         = true

    custom_scripts = {
      for action in local.actions : action => file("${path.module}/databases/userbridge/${action}.js")
    }

    configuration = {
      USERBRIDGE_URL           = var.url
      USERBRIDGE_CONNECTOR     = var.connector
      USERBRIDGE_CLIENT_ID     = var.client_id
      USERBRIDGE_CLIENT_SECRET = var.client_secret
    }
  }
}
