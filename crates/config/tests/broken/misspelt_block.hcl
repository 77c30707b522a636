task "orders" {
  imput {
    provider = "csv"
  }
  output {
    provider = "console"
  }
}
