# What users of a published provider write. `dstream init` pulls and locks it.
task "ticks" {
  input {
    provider_ref = "ghcr.io/acme/dstream-in-counter:v0.1.0"
    config {
      interval  = "1ms"
      max_count = 100
    }
  }

  output {
    provider = "file"
    config {
      path = "out/ticks.jsonl"
    }
  }
}
