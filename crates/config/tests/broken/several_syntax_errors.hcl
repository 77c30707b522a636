variable "topic" {
  type: string
}

task "orders" {
  retry { max_attempts = 3, initial_backoff = "1s" }

  input "file" {
    provider = 'csv'
    config {
      path    =
      columns = ["a", "b"]
      null    = NULL VALUE
    }
  }

  output {
    provider = "sqlite"
    provider = "postgres"
    config {
      path = "C:\data"
      mode: upsert
    }
  }
}

task "twice"
{
  input { provider = "counter" }
}
