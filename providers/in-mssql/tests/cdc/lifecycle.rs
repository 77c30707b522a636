//! Change data capture turned on, looked at and turned off, by `init` and its neighbours.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

use crate::server::{Db, PROGRAM, States};

fn ask(operation: &str, config: &Value, states: &States) -> Value {
    asked(operation, config, states).0
}

/// The report, and what is logged.
fn asked(operation: &str, config: &Value, states: &States) -> (Value, String) {
    let mut host = FakeHost::start(PROGRAM).unwrap();
    let line = json!({
        "protocol": 2, "command": operation, "role": "input", "task": "shop", "task_id": "id", "name": "input",
        "config": config, "checkpoint": states,
    });
    host.send_json(&line).unwrap();
    host.close();
    (host.json().unwrap(), host.stderr_to_end().unwrap())
}

fn actions(report: &Value) -> Vec<(&str, &str)> {
    let resources = report["resources"].as_array().map_or(&[][..], |resources| resources);
    resources.iter().map(|r| (r["name"].as_str().unwrap(), r["action"].as_str().unwrap())).collect()
}

fn is_captured(db: &Db, table: &str) -> bool {
    let sql = format!("SELECT is_tracked_by_cdc FROM sys.tables WHERE name = N'{table}'");
    db.sql(&sql) == "1"
}

#[test]
fn init_turns_on_what_is_off_and_destroy_turns_off_what_init_turned_on() {
    let db = Db::bare();
    db.sql("CREATE TABLE dbo.a (id int PRIMARY KEY); CREATE TABLE dbo.[b'c] (id int PRIMARY KEY); CREATE TABLE dbo.other (id int PRIMARY KEY)");
    let config = db.config(json!({"tables": ["a", "\"b'c\""]}));
    let none = States::new();
    let planned = ask("plan", &config, &none);
    let database = db.name();
    let wanted = [(database, "create"), ("dbo.a", "create"), ("dbo.b'c", "create")];
    assert_eq!(actions(&planned), wanted);
    assert!(
        planned
            .to_string()
            .contains("sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'b''c'")
    );
    assert!(!is_captured(&db, "a"), "plan changes nothing");

    assert_eq!(actions(&ask("init", &config, &none)).len(), 3);
    assert!(is_captured(&db, "a") && !is_captured(&db, "other"));
    assert!(actions(&ask("plan", &config, &none)).is_empty(), "nothing is left to be done");
    assert!(actions(&ask("init", &config, &none)).is_empty());
    db.capture("dbo", "other");

    let gone = ask("destroy", &config, &none);
    assert_eq!(actions(&gone), [("dbo.a", "removed"), ("dbo.b'c", "removed"), (database, "kept")]);
    assert!(!is_captured(&db, "a") && is_captured(&db, "other"));
    assert_eq!(actions(&ask("destroy", &config, &none)), [(database, "kept")]);
    db.sql("EXEC sys.sp_cdc_disable_table @source_schema = N'dbo', @source_name = N'other', @capture_instance = N'all'");
    assert_eq!(actions(&ask("destroy", &config, &none)), [(database, "removed")]);
    assert!(actions(&ask("destroy", &config, &none)).is_empty());
}

#[test]
fn what_was_on_before_stays_on() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.a (id int PRIMARY KEY)", &["a"]);
    let config = db.config(json!({"tables": ["a"]}));
    assert!(actions(&ask("init", &config, &States::new())).is_empty());
    assert!(actions(&ask("destroy", &config, &States::new())).is_empty());
    assert!(is_captured(&db, "a"));
    let status = ask("status", &config, &States::new());
    assert_eq!(status["resources"][0]["kept"], json!(true), "{status}");
}

#[test]
fn status_says_how_far_each_table_is_and_what_is_left_of_it() {
    let db = Db::bare();
    db.sql("CREATE TABLE dbo.a (id int PRIMARY KEY)");
    let config = db.config(json!({"tables": ["a"], "snapshot": "never"}));
    ask("init", &config, &States::new());
    let detail = |states: &States| {
        let status = ask("status", &config, states);
        let first = &status["resources"][0];
        assert!(first.get("kept").is_none(), "destroy removes it: {status}");
        first["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail(&States::new()).contains("no checkpoint yet"));
    db.scan();
    let states = db.read(&config, &States::new()).states;
    db.sql("INSERT dbo.a VALUES (1)");
    db.write("INSERT dbo.a VALUES (2)");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let behind = detail(&states);
    let checkpoint = states["dbo.a"]["lsn"].as_str().unwrap();
    assert!(behind.contains(checkpoint) && behind.contains("2 transactions"), "{behind}");
    let seconds: u64 =
        behind.rsplit(" and ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((2..100).contains(&seconds), "{behind}");
    let all = db.read(&config, &states).states;
    assert!(detail(&all).contains("0 transactions and 0 s behind"), "{}", detail(&all));
}

#[test]
fn check_and_discover_say_what_is_there_and_what_is_off() {
    let db = Db::new();
    db.tables(
        "CREATE TABLE dbo.a (id int PRIMARY KEY, v nvarchar(9)); CREATE TABLE dbo.off (id int)",
        &["a"],
    );
    let config = db.config(json!({"tables": ["a"]}));
    let checked = ask("check", &config, &States::new());
    assert!(checked["message"].as_str().unwrap().contains("1 tables"), "{checked}");
    let all = db.config(json!({}));
    let (found, log) = asked("discover", &all, &States::new());
    let streams: Vec<_> = found["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["stream"].as_str().unwrap())
        .collect();
    assert_eq!(streams, ["dbo.a"]);
    assert!(log.contains("sp_cdc_enable_table") && log.contains("N'off'"), "{log}");
}
