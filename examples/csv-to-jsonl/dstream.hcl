task "orders" {
  input {
    provider = "file"
    config {
      path   = "orders"
      stream = "orders"
    }
  }

  output {
    provider = "file"
    config {
      path         = "out/orders.jsonl"
      rotate_bytes = 200
    }
  }
}
