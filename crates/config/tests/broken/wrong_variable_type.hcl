variable "port" {
  type    = number
  default = "five"
}

variable "servers" {
  type = list(object({
    host = string
    port = number
  }))
  default = [{ host = "a", port = 1 }, { host = "b" }]
}

variable "mode" {
  type = strng
}
