task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }
  comit_within = "1s"
}
