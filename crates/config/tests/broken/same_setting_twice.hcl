task "orders" {
  input {
    provider = "csv"
    provider = "file"
  }
}
