task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }
  type = "ingester"
}
