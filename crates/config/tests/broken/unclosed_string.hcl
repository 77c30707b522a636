task "orders" {
  input {
    provider = "csv
  }
  output {
    provider = "console"
  }
}
