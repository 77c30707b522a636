locals {
  name = "orders" + "-eu"
}
