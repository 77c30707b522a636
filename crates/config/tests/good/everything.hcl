dstream {
  required_version = ">= 0.1, < 1.0"

  required_providers {
    orders = { source = "ghcr.io/acme/dstream-in-orders", version = "~> 1.2" }
    local  = { source = "registry.example:5000/dstream-out-local" }
  }

  state {
    path = ".dstream"
  }

  registry "registry.example:5000" {
    ca_file = "ca.pem"
    mirror  = "mirror.example/all"
  }

  trust "ghcr.io/acme/*" {
    public_key = ["acme.pub", "acme-new.pub"]
  }

  trust "registry.example:5000/dstream-out-local" {
    require_signature = false
    identity          = "release@acme.io"
    issuer            = "https://accounts.google.com"
    trusted_root      = "root.json"
  }
}

variable "tables" {
  type        = list(string)
  default     = ["orders", "customers"]
  description = "What to read."

  validation {
    condition     = length(var.tables) > 0
    error_message = "at least one table"
  }
}

variable "password" {
  type      = string
  sensitive = true
  default   = "hunter2"
}

variable "server" {
  type = object({
    host = string
    port = optional(number, 5432)
  })
  default = { host = "db.example" }
}

locals {
  dsn    = "postgres://app:${var.password}@${var.server.host}:${var.server.port}/shop"
  prefix = "${local.region}-"
  region = "eu"
  wide   = { for t in var.tables : t => upper(t) if t != "customers" }
}

task "orders" {
  type           = "providers"
  require        = "effectively_once"
  start_timeout  = "1m30s"
  stop_timeout   = 2500
  commit_within  = "500ms"
  max_line_bytes = "32MiB"

  retry {
    max_attempts    = 10
    initial_backoff = "250ms"
    max_backoff     = "30s"
  }

  dead_letter {
    max_rejected = 50
  }

  lock {
    timeout = "10s"
  }

  schedule {
    cron     = "*/15 6-20 * * MON-FRI"
    timezone = "Europe/Berlin"
  }

  input {
    provider_ref = "ghcr.io/acme/dstream-in-orders:v1.2.0"
    pass_env     = ["AWS_PROFILE"]

    env = {
      TOKEN = env("TEST_TOKEN")
      LEVEL = 3
    }

    config {
      dsn        = local.dsn
      tables     = [for t in var.tables : "${local.prefix}${t}"]
      wide       = local.wide
      token      = env("TEST_TOKEN")
      public     = nonsensitive(env("TEST_TOKEN"))
      fallback   = env("NOT_THERE", "fallback")
      max        = 18446744073709551615
      min        = -9223372036854775808
      ratio      = 0.25
      unset      = null
      task       = task.name
      first      = var.tables[0]
      all_hosts  = [var.server][*].host
      tried      = try(var.server.user, "nobody")
      is_big     = length(var.tables) > 10 ? "big" : "small"
      mixed_list = ["plain", var.password]

      query = <<-SQL
        select *
          from ${local.region}_orders
        %{ for t in var.tables ~}
        -- ${t}
        %{ endfor ~}
      SQL

      lock {
        kind = "none"
      }

      column {
        name = "id"
      }
      column {
        name = "total"
      }

      stream "orders" {
        key = "id"
      }
      stream "customers" {
        key = "no"
      }
    }
  }

  transform "clean" {
    provider = "filter"
    config {
      drop = "total < 0"
    }
  }

  transform "mask" {
    provider_path = "./mask.sh"
    protocol      = 2
  }

  output "main" {
    provider = "postgres"
    config {
      url = sensitive({ host = "x", port = 1 })
    }
  }

  output "copy" {
    provider_path = "./copy.sh"
    critical      = false
  }
}
