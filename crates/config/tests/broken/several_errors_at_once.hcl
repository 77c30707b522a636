variable "topic" {
  type = string
}

locals {
  bad = nothing
}

task "orders" {
  requires = "exactly_once"

  input {
    provider = "csv"
    config {
      path    = "${local.bad}/orders.csv"
      columns = lenght(["a"])
    }
  }

  output "one" {
    provider_path = "./write.sh"
    provider_ref  = "ghcr.io/acme/out:v1"
  }

  output "two" {
    config {
      topic = var.topic
    }
  }
}
