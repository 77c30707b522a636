module "shared" {
}

task "orders" {
  for_each = ["a", "b"]
  input {
    count    = 2
    provider = "csv"
    config {
      dynamic "column" {
      }
    }
  }
  output {
    provider = "console"
    config {
      path = each.key
    }
  }
}
