# In the style of the original: templates in strings, settings in camel case.
dstream {
  plugin_registry = "ghcr.io/example"
}

task "queue" {
  type = "providers"

  input {
    provider_ref = "ghcr.io/example/dstream-in-mssql:v0.1.0"
    config {
      db_connection_string = "server=localhost;password={{ env `TEST_TOKEN` }};encrypt=disable"
      poll_interval = "5s"
      tables = ["Persons", "Cars"]
      lock_config = {
        type = "none"
      }
    }
  }

  output {
    provider_ref = "ghcr.io/example/dstream-out-asb:v0.2.0"
    config {
      connectionString = "{{ env "TEST_TOKEN" }}"
      resourceGroup    = "{{ env "NOT_THERE" | default "rg-dev" }}"
      escaped          = "x-{{ env \"TEST_TOKEN\" }}"
      region           = "{{ default "eu" (env "NOT_THERE") }}"
      braces           = "{{ "{{" }} literal }}"
      maxCount         = {{ env "TEST_NUMBER" }}
      quoted           = {{ env "TEST_TOKEN" | quote }}
    }
  }
}

task "counter" {
  type = "providers"
  startTimeout = "5s"
  input {
    provider_path = "../counter/out/app"
    config {
      interval = 1000    # every second
      maxCount = 5
    }
  }
  output {
    provider_path = "../console/out/app"
    config {
      outputFormat = "simple"
    }
  }
}
