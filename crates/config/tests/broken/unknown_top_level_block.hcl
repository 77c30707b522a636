tasks "orders" {
}

resource "aws_instance" "x" {
}
