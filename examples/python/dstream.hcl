task "files" {
  input {
    provider_path = "./read.py"
    config {
      folder = "."
    }
  }

  output {
    provider_path = "./write.py"
    protocol      = 2
    config {
      path = "out/files.jsonl"
    }
  }
}
