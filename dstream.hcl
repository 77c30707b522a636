# The quick start: `make demo` runs it. 28,298 airports, from a CSV file into SQLite, exactly once.

task "airports" {
  input {
    provider = "file"
    config {
      path = "examples/airports/airports.csv"
      key  = ["icao"]
    }
  }

  output {
    provider = "sqlite"
    config {
      path = "airports.db"
    }
  }
}
