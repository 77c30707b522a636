locals {
  text = <<EOT
%{ for t in ["a", "b"] }
  ${t}
EOT
}
