task "orders" {
  retry { max_attempts = 3, max_backoff = "5s" }
}
