locals {
  tables = ["a", "b"]
  one    = local.tables[2]
  two    = { host = "x" }.hots
}
