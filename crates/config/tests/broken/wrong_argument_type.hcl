locals {
  tables = ["a", "b"]
  name   = upper(local.tables)
}
