//! A task file as it was written for the original, with `provider = "mssql"` in place of the
//! reference: its settings, its templates, its lock, its table of checkpoints.

#![cfg(unix)]

use std::time::{Duration, Instant};

use dstream_mssql_sim::{MssqlSim, Options};
use dstream_servers::Azurite;
use dstream_tests::{Project, Running};

const TASK: &str = r#"
task "mssql-cdc" {
  type = "providers"

  input {
    provider = "mssql"
    config {
      db_connection_string = "{{ env "MSSQL_CONNECTION_STRING" }}"
      poll_interval = "50ms"
      max_poll_interval = "200ms"
      tables = ["Persons", "Cars"]
      lock_config {
        type = "azure_blob"
        connection_string = "{{ env "LOCKS" }}"
        container_name = "locks"
      }
    }
  }

  output {
    provider = "file"
    config {
      path = "out.jsonl"
    }
  }
}
"#;

#[test]
fn a_task_file_of_the_original_runs_as_it_is() {
    let (sim, azurite) = (MssqlSim::start(Options::default()).unwrap(), Azurite::start());
    for sql in [
        "EXEC sys.sp_cdc_enable_db",
        "CREATE TABLE dbo.Persons (id int PRIMARY KEY, name nvarchar(50))",
        "CREATE TABLE dbo.Cars (id int PRIMARY KEY, brand nvarchar(50))",
        "EXEC sys.sp_cdc_enable_table N'dbo', N'Persons', @role_name = NULL",
        "EXEC sys.sp_cdc_enable_table N'dbo', N'Cars', @role_name = NULL",
        // Where the original stood: behind the first person, and before the second.
        "CREATE TABLE dbo.cdc_offsets (table_name nvarchar(255) NOT NULL PRIMARY KEY, last_lsn varbinary(10) NULL, updated_at datetime NOT NULL DEFAULT GETDATE())",
        "INSERT dbo.Persons VALUES (1, N'Ada')",
        "INSERT dbo.cdc_offsets (table_name, last_lsn) SELECT N'Persons', sys.fn_cdc_get_max_lsn()",
        "INSERT dbo.cdc_offsets (table_name, last_lsn) SELECT N'Cars', sys.fn_cdc_get_max_lsn()",
        "INSERT dbo.Persons VALUES (2, N'Grace')",
    ] {
        sim.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let project = Project::with(TASK)
        .env("MSSQL_CONNECTION_STRING", &sim.connection_string())
        .env("LOCKS", &azurite.connection_string());
    let mut host = project.start(&["--log-level", "warn", "run", "mssql-cdc"]);
    let comes = |host: &mut Running, what: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !project.read("out.jsonl.part").contains(what) {
            if host.has_ended() || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    };
    let first = comes(&mut host, "Grace");
    sim.execute("INSERT dbo.Cars VALUES (7, N'Lotus')").unwrap();
    if !first || !comes(&mut host, "Lotus") {
        host.kill();
        panic!("not all of it comes: {}", host.wait().everything());
    }
    assert!(!project.read("out.jsonl.part").contains("Ada"), "the original has read that");
    let stored = || {
        sim.rows("SELECT CONVERT(varchar(22), last_lsn, 1) FROM dbo.cdc_offsets WHERE table_name = N'Cars'")
            .unwrap()[0][0]
            .clone()
    };
    let newest = sim.rows("SELECT CONVERT(varchar(22), sys.fn_cdc_get_max_lsn(), 1)").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while stored() != newest[0][0] {
        assert!(Instant::now() < deadline, "{} is not reached: {}", newest[0][0], stored());
        std::thread::sleep(Duration::from_millis(20));
    }
    dstream_tests::processes::terminate(host.pid());
    host.wait().expect(0);
}
