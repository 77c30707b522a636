variable "db_host" {
  type        = string
  description = "Where the database is."
}

task "orders" {
  input {
    provider = "postgres"
    config {
      host = var.db_host
    }
  }
  output {
    provider = "console"
  }
}
