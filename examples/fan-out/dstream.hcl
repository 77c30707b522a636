task "people" {
  input {
    provider = "file"
    config {
      path = "people.csv"
    }
  }

  output "archive" {
    provider = "file"
    config {
      path = "out/people.jsonl"
    }
  }

  output "table" {
    provider = "sqlite"
    config {
      path = "people.db"
    }
  }
}
