task "orders" {
  input {
    provider = "counter"
    config {
      max_count = {{ env "TEST_WORD" }}
    }
  }
  output {
    provider = "console"
  }
}
