locals {
  text = "%{ if true }yes%{ endfor }"
}
