task "high" {
  input {
    provider = "file"
    config {
      path = "mountains.csv"
    }
  }

  transform "at_least" {
    provider_path = "./at_least.py"
    protocol      = 2
    config {
      column  = "height"
      minimum = 3000
    }
  }

  output {
    provider = "file"
    config {
      path = "out/high.jsonl"
    }
  }
}
