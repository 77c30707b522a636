task "counter" {
  type = "providers"

  input {
    provider = "counter"
    config {
      interval = 10
      maxCount = {{ env "GREETING_COUNT" }}
    }
  }

  output {
    provider = "console"
    config {
      outputFormat = "simple"
    }
  }
}
