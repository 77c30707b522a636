task "orders" {
  input {
    provider = "csv"
    config {
      path = { "$secret" = "orders/output/config.password" }
    }
  }
  output {
    provider = "console"
  }
}
