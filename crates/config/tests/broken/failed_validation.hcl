variable "batch" {
  type    = number
  default = 0

  validation {
    condition     = var.batch > 0 && var.batch <= 10000
    error_message = "batch must be from 1 to 10000, not ${var.batch}"
  }
}
