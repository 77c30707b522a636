task "orders" {
  input {
    provider     = "csv"
    provider_ref = "ghcr.io/acme/dstream-in-csv:v1"
  }
  output {
    provider = "console"
  }
}
