locals {
  name = uper("orders")
  json = toJson({ a = 1 })
}
