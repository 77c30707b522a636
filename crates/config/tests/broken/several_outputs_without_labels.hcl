task "orders" {
  input {
    provider = "csv"
  }
  output "main" {
    provider = "console"
  }
  output {
    provider = "file"
  }
}
