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
    provider = "mysql"
    config {
      url  = env("DATABASE_URL", "mysql://root@127.0.0.1:3306/shop")
      mode = "upsert"
    }
  }
}
