task "orders" {
  input {
    provider_path = ./read.sh
  }
}
