task "people" {
  dead_letter {
    max_rejected = 10
  }

  input {
    provider = "file"
    config {
      path = "people.csv"
      types = {
        name = "string"
        age  = "int64"
      }
    }
  }

  output {
    provider = "sqlite"
    config {
      path = "people.db"
    }
  }
}
