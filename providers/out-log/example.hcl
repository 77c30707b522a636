task "count" {
  input {
    provider = "in-counter"
    config {
      interval = "1s"
      maxCount = 5
    }
  }

  output {
    provider = "out-log"
    config {
      logLevel = "info"
    }
  }
}
