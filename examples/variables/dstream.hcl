# Test and production each have a checkpoint of their own.
dstream {
  state {
    path = ".dstream/${var.stage}"
  }
}

variable "stage" {
  type        = string
  default     = "test"
  description = "Where the report goes."
}

variable "rows" {
  type    = number
  default = 3
}

locals {
  name = lower("Report-${var.stage}")
}

task "report" {
  input {
    provider = "counter"
    config {
      max_count = var.rows
      interval  = var.stage == "production" ? "1ms" : "5ms"
    }
  }

  output {
    provider = "file"
    config {
      path = "out/${local.name}.jsonl"
    }
  }
}
