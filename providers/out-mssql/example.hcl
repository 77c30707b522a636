task "people" {
  input {
    provider = "file"
    config {
      path = "people.csv"
    }
  }

  output {
    provider = "mssql"
    config {
      host     = "127.0.0.1"
      database = "shop"
      user     = "app"
      password = env("MSSQL_PASSWORD")
      table    = "people"
      mode     = "upsert"
      key      = ["id"]
    }
  }
}
