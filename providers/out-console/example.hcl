task "count" {
  input {
    provider = "counter"
    config {
      interval = "1s"
      maxCount = 5
    }
  }

  output {
    provider = "console"
    config {
      outputFormat = "table"
    }
  }
}
