task "orders" {
  input {
    provider = "csv"
  }
  output "main" {
    provider = "console"
  }
  output "main" {
    provider = "file"
  }
}
