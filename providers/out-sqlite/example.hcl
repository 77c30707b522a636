task "people" {
  input {
    provider = "in-file"
    config {
      path = "people.csv"
    }
  }

  output {
    provider = "out-sqlite"
    config {
      path = "people.db"
      table = "people"
      mode = "upsert"
      key = ["id"]
    }
  }
}
