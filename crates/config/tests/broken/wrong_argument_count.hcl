locals {
  name = replace("a.b.c", ".")
}
