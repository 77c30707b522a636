task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }
  max_line_bytes = "16 megs"
}
