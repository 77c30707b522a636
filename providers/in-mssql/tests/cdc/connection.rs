//! How it connects, and what it says of itself while it runs.

use std::time::{Duration, Instant};

use dstream_mssql_sim::{Encryption, MssqlSim, Options};
use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, PROGRAM, States};

const TABLE: &str = "CREATE TABLE dbo.t (id int PRIMARY KEY, v nvarchar(max))";

#[test]
fn encrypted_or_not_and_for_reading_only_it_reads_the_same() {
    let (db, start) = Db::with_table(TABLE, "t");
    db.write("INSERT dbo.t VALUES (1, N'a')");
    for more in [
        json!({"encrypt": "required", "trust_server_certificate": true}),
        json!({"encrypt": "login", "trust_server_certificate": true}),
        json!({"read_only": true}),
    ] {
        let mut config = db.config(json!({"snapshot": "never"}));
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let run = db.read(&config, &start);
        assert_eq!(run.changes(), [json!(["insert", {"id": 1, "v": "a"}])], "{more}");
    }
}

/// About the simulator's certificate, whatever server the others run on.
#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_named() {
    let options = Options { encryption: Encryption::Required, ..Options::default() };
    let password = options.sa_password.clone();
    let sim = MssqlSim::start(options).unwrap();
    sim.execute("EXEC sys.sp_cdc_enable_db; CREATE TABLE dbo.t (id int PRIMARY KEY)").unwrap();
    sim.execute("EXEC sys.sp_cdc_enable_table N'dbo', N't', @role_name = NULL").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("server.pem");
    std::fs::write(&authority, sim.certificate()).unwrap();
    let start = |more: Value| {
        let mut config = json!({"host": "localhost", "port": sim.port(), "database": "sim",
            "user": "sa", "password": password, "until": "caught_up"});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        InputRun::start(PROGRAM, "t", &config, &States::new())
    };
    let error = start(json!({})).fails();
    assert!(error.starts_with("permanent") && error.contains("TLS failed"), "{error}");
    assert!(error.contains("ca_file") && error.contains("trust_server_certificate"), "{error}");
    let error = start(json!({"encrypt": "disabled"})).fails();
    assert!(error.contains("cannot connect to localhost"), "{error}");
    start(json!({"ca_file": authority})).finish();
    start(json!({"ca_file": authority, "encrypt": "strict"})).finish();
    start(json!({"trust_server_certificate": true})).finish();
}

#[test]
fn progress_shows_the_measured_rows_and_the_growing_pause() {
    let (db, start) = Db::with_table(TABLE, "t");
    let config = db.config(json!({"snapshot": "never", "until": "stopped",
        "poll_interval": "100ms", "max_poll_interval": "400ms", "max_batch_bytes": "100KiB"}));
    let mut run = db.start(&config, &start);
    run.wait_until(|run| !run.progress.is_empty());
    let position = run.progress[0]["position"].clone();
    assert_eq!((&position["pause_ms"], &position["transactions"]), (&json!(100), &json!(0)));
    assert_eq!(position["tables"]["dbo.t"], json!({"row_bytes": null, "batch_rows": 200}));
    assert_eq!(position["lsn"], start["dbo.t"]["lsn"]);
    // Rows of about 2,000 bytes: 50 of them are 100 KiB.
    let begun = Instant::now();
    for id in 1..=20 {
        db.sql(&format!(
            "INSERT dbo.t VALUES ({id}, REPLICATE(CAST(N'x' AS nvarchar(max)), 1800))"
        ));
    }
    db.scan();
    run.wait_until(|run| run.rows.len() == 20);
    run.wait_until(|run| run.progress.len() > 1);
    assert!(begun.elapsed() > Duration::from_secs(2), "every five seconds");
    let position = &run.progress[1]["position"];
    assert_eq!(position["pause_ms"], 400, "{position}");
    let table = &position["tables"]["dbo.t"];
    let (bytes, rows) =
        (table["row_bytes"].as_u64().unwrap(), table["batch_rows"].as_u64().unwrap());
    assert!((1_900..2_300).contains(&bytes), "{table}");
    assert_eq!(rows, 102_400 / bytes);
    assert_eq!(position["lsn"], run.states["dbo.t"]["lsn"]);
    run.host.kill();
}
