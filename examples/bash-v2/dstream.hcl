task "words" {
  input {
    provider_path = "./lines.sh"
    protocol      = 2
    config {
      path = "words.txt"
    }
  }

  output {
    provider = "file"
    config {
      path = "out/words.jsonl"
    }
  }
}
