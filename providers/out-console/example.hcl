task "count" {
  input {
    provider = "in-counter"
    config {
      interval = "1s"
      maxCount = 5
    }
  }

  output {
    provider = "out-console"
    config {
      outputFormat = "table"
    }
  }
}
