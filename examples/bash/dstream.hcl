task "words" {
  input {
    provider_path = "./read.sh"
    config {
      path = "words.txt"
    }
  }

  output {
    provider_path = "./write.sh"
    config {
      path = "out/words.jsonl"
    }
  }
}
