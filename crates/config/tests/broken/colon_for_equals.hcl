task "orders" {
  input {
    provider: "csv"
  }
}
