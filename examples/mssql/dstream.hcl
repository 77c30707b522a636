task "orders" {
  input {
    provider = "file"
    config {
      path   = "orders.csv"
      stream = "orders"
      key    = ["id"]
    }
  }

  output {
    provider = "mssql"
    config {
      db_connection_string = env("MSSQL_URL", "Server=127.0.0.1,1433;User ID=sa;Password=Passw0rd!;Database=shop;TrustServerCertificate=true")
      mode                 = "upsert"
    }
  }
}
