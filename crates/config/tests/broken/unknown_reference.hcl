variable "region" {
  default = "eu"
}

locals {
  table_name = "orders"
  one        = local.tablename
  two        = var.regoin
  three      = region
  four       = orders
  five       = path.modul
  six        = task.name
}
