dstream {
  trust "ghcr.io/acme/*" {
    require_signature = true
  }
  trust "ghcr.io/other/foo" {
    identity = ["a@acme.io", ""]
    issuer   = "https://accounts.google.com"
  }
  trust "ghcr.io/third/foo" {
    public_key   = "third.pub"
    trusted_root = "root.json"
  }
  trust {
    public_key = "acme.pub"
  }
  trust "ghcr.io/acme/*" {
    identity = "a@acme.io"
  }
}
