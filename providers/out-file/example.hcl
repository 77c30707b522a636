task "archive" {
  input {
    provider = "file"
    config {
      path   = "logs/app.jsonl"
      follow = true
    }
  }

  output {
    provider = "file"
    config {
      path         = "archive/{year}/{month}/{stream}-{date}.jsonl.zst"
      rotate_bytes = "1GB"
      sha256       = true
    }
  }
}
