locals {
  tables = ["a", "b"]
  text   = "tables: ${local.tables}"
}
