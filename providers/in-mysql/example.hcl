task "shop" {
  input {
    provider = "mysql"
    config {
      host     = "localhost"
      user     = "dstream"
      password = env("SHOP_PASSWORD")
      tables   = ["shop.*"]
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
