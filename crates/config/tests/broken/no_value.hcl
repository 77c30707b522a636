task "orders" {
  input {
    provider =
  }
}
