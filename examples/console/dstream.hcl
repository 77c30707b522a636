task "hello" {
  input {
    provider = "counter"
    config {
      max_count = 5
      interval  = "10ms"
    }
  }

  output {
    provider = "console"
  }
}
