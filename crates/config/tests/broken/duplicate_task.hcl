task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }

}

task "orders" {
  input {
    provider = "csv"
  }
  output {
    provider = "console"
  }

}
