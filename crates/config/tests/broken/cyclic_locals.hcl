locals {
  a = "${local.b}-a"
  b = upper(local.c)
  c = local.a
}
