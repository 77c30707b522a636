task "count" {
  input {
    provider = "counter"
    config {
      interval = "1s"
      maxCount = 5
    }
  }

  output {
    provider = "log"
    config {
      logLevel = "info"
    }
  }
}
