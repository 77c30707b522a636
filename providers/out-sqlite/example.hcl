task "people" {
  input {
    provider = "file"
    config {
      path = "people.csv"
    }
  }

  output {
    provider = "sqlite"
    config {
      path  = "people.db"
      table = "people"
      mode  = "upsert"
      key   = ["id"]
    }
  }
}
