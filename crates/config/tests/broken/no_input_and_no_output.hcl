task "orders" {
  type = "providers"
}
