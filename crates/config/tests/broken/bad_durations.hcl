task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }

  start_timeout = "five seconds"
  stop_timeout  = -1
  commit_within = [1]
  retry {
    max_attempts    = 0
    initial_backoff = "1m"
    max_backoff     = "1s"
  }
}
