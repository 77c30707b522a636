task "people" {
  input {
    provider = "file"
    config {
      path   = "data/people-*.csv"
      stream = "people"
      key    = ["id"]
      types = {
        zip = "string"
        pay = "decimal(12,2)"
      }
    }
  }

  output {
    provider = "sqlite"
    config {
      path = "people.db"
      mode = "upsert"
    }
  }
}
