task "orders" {
  retry = { max_attempts = 3 }
  input {
    provider = "csv"
    config = { path = "x" }
  }
  output {
    provider {
    }
  }
}
