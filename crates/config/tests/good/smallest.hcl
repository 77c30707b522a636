task "hello" {
  input {
    provider = "counter"
  }
  output {
    provider = "console"
  }
}
