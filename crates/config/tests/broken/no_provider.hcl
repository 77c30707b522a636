task "orders" {
  input {
    config {
      path = "orders.csv"
    }
  }
  output {
    provider = ""
  }
}
