task "shop" {
  input {
    provider = "mssql"
    config {
      db_connection_string = env("SHOP")
      tables               = ["Orders", "sales.*"]
    }
  }

  output {
    provider = "sqlite"
    config {
      path = "shop.db"
      mode = "upsert"
    }
  }
}
