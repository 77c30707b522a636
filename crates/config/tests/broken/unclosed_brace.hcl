task "orders" {
  input {
    provider = "csv"
    config {
      path = "orders.csv"

  }

  output {
    provider = "console"
  }
}
