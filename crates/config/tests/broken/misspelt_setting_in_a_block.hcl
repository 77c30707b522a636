task "orders" {
  input {
    providr_ref = "ghcr.io/acme/dstream-in-orders:v1.2.0"
    config {
      tables = ["orders"]
    }
  }
  output {
    provider = "console"
  }
}
