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
    provider = "postgres"
    config {
      url  = env("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
      mode = "upsert"
    }
  }
}
