task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }

  schedule {
    cron = "0 0 3 * * *"
  }
}
