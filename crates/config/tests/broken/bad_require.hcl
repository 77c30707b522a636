task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }
  require = "exactly-once"
}
