task "all" {
  input "north" {
    provider = "file"
    config {
      path = "north.csv"
    }
  }

  input "south" {
    provider = "file"
    config {
      path = "south.csv"
    }
  }

  output {
    provider = "file"
    config {
      path = "out/all.jsonl"
    }
  }
}
