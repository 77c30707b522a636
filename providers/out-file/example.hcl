task "archive" {
  input {
    provider = "in-file"
    config {
      path = "logs/app.jsonl"
      follow = true
    }
  }

  output {
    provider = "out-file"
    config {
      path = "archive/{year}/{month}/{stream}-{date}.jsonl.zst"
      rotate_bytes = 1000000000
      sha256 = true
    }
  }
}
