//! What can be wrong, each with its remedy.

use std::collections::BTreeMap;

use dstream_mssql_sim::{MssqlSim, Options};
use dstream_testkit::InputRun;
use dstream_testkit::serde_json::json;

use crate::server::{Db, PROGRAM, States};

#[test]
fn each_way_in_which_capture_can_be_off_says_what_to_run() {
    let sim = MssqlSim::start(Options::default()).unwrap();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY)").unwrap();
    let config = json!({"db_connection_string": sim.connection_string(), "tables": ["t"]});
    let fails = || InputRun::start(PROGRAM, "t", &config, &BTreeMap::new()).fails();
    let off = fails();
    assert!(off.contains("EXEC sys.sp_cdc_enable_db"), "{off}");
    sim.execute("EXEC sys.sp_cdc_enable_db").unwrap();
    let off = fails();
    assert!(
        off.starts_with("config")
            && off.contains(
                "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N't'"
            ),
        "{off}"
    );
    let mut other = config.clone();
    other["tables"] = json!(["nothing"]);
    let none = InputRun::start(PROGRAM, "t", &other, &BTreeMap::new()).fails();
    assert!(none.contains("no table `nothing`") && none.contains("dbo.t"), "{none}");
}

#[test]
fn changes_that_were_removed_are_an_error_and_never_a_gap() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    let config = db.config(json!({"snapshot": "never"}));
    let start = db.read(&config, &States::new());
    db.sql("INSERT dbo.t VALUES (1); INSERT dbo.t VALUES (2); INSERT dbo.t VALUES (3)");
    db.sim.clean_up(None).unwrap();
    let lost = db.start(&config, &start.states).fails();
    let lsn = start.states["dbo.t"]["lsn"].as_str().unwrap();
    assert!(
        lost.starts_with("permanent") && lost.contains(lsn) && lost.contains("dbo.t"),
        "{lost}"
    );
    let again = db.config(json!({"snapshot": "never", "on_lost_position": "resnapshot"}));
    let run = db.read(&again, &start.states);
    assert_eq!(run.changes()[0], json!(["truncate", null]));
    assert_eq!(run.rows.len(), 4);
    let skip = db.config(json!({"snapshot": "never", "on_lost_position": "skip"}));
    assert!(db.read(&skip, &start.states).rows.len() < 3);
}

#[test]
fn a_wrong_password_and_no_server_are_told_apart() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    let wrong = db.config(json!({"user": "sa", "password": "wrong"}));
    let refused = db.start(&wrong, &States::new()).fails();
    assert!(refused.starts_with("auth") && refused.contains("18456"), "{refused}");
    let nobody = json!({"host": "127.0.0.1", "port": 1, "user": "sa", "password": "x"});
    let nobody = db.start(&nobody, &States::new()).fails();
    assert!(nobody.starts_with("transient") && nobody.contains("127.0.0.1:1"), "{nobody}");
}
