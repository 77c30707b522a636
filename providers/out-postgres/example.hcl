task "people" {
  input {
    provider = "file"
    config {
      path = "people.csv"
    }
  }

  output {
    provider = "postgres"
    config {
      host     = "127.0.0.1"
      database = "shop"
      user     = "app"
      password = env("PGPASSWORD")
      table    = "people"
      mode     = "upsert"
      key      = ["id"]
    }
  }
}
