task "orders" {
  input {
    provider = "postgres"
    config {
      query = <<SQL
        select * from orders
    }
  }
}
