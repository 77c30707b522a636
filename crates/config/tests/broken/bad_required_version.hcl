dstream {
  required_version = "latest"
}
