task "shop" {
  input {
    provider = "postgres"
    config {
      url    = "postgresql://dstream@localhost/shop"
      tables = ["public.*"]
    }
  }

  output {
    provider = "console"
  }
}
