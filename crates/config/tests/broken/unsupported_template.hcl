locals {
  one = "{{ upper (env "NAME") }}"
  two = "{{ .Values.name }}"
}

{{ if true }}
task "orders" {
}
{{ end }}
