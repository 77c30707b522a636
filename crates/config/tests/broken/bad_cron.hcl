task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }

  schedule {
    cron     = "0 25 * * *"
    timezone = "Europe/Berln"
  }
}
