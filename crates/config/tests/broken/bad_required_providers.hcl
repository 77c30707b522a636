dstream {
  required_providers {
    one   = { source = "https://ghcr.io/acme/one" }
    two   = { source = "ghcr.io/acme/two:v1" }
    three = { sorce = "ghcr.io/acme/three" }
    four  = { source = "ghcr.io/acme/four", version = "new" }
  }
}
