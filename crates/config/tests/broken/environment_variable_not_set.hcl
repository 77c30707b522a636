task "orders" {
  input {
    provider = "postgres"
    config {
      password = env("DSTREAM_TEST_NOT_SET")
    }
  }
  output {
    provider = "console"
    config {
      url = "amqp://{{ env `ALSO_NOT_SET` }}@host"
    }
  }
}
