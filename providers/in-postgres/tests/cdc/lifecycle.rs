//! check, discover, plan, init, status, destroy.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

use crate::support::{Db, PROGRAM, command};

/// Asks for an operation, as a task.
pub(crate) fn ask(task: &str, operation: &str, config: &Value) -> Value {
    let mut host = FakeHost::start(PROGRAM).unwrap();
    host.send_json(&command(task, operation, config)).unwrap();
    host.close();
    host.json().unwrap()
}

fn actions(report: &Value) -> Vec<(&str, &str)> {
    assert_eq!(report["status"], "ok", "{report}");
    let resources = report["resources"].as_array().unwrap().iter();
    resources.map(|r| (r["type"].as_str().unwrap(), r["action"].as_str().unwrap())).collect()
}

#[test]
fn publication_and_slot_are_planned_made_shown_and_removed() {
    let db = Db::new("lifecycle");
    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
    let config = db.config(&["t"], json!({}));
    let name = "dstream_lifecycle_input";
    let there = || {
        db.sql(&format!("SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}')"))
    };

    let plan = ask(db.name, "plan", &config);
    assert_eq!(actions(&plan), [("publication", "create"), ("replication slot", "create")]);
    let statement = plan["resources"][0]["detail"].as_str().unwrap();
    assert!(
        statement
            .contains(r#"CREATE PUBLICATION "dstream_lifecycle_input" FOR TABLE "public"."t""#),
        "{statement}"
    );
    assert_eq!(there(), "0|0", "a plan changes nothing");

    let init = ask(db.name, "init", &config);
    assert_eq!(actions(&init), [("publication", "created"), ("replication slot", "created")]);
    assert_eq!(there(), "1|1");
    assert_eq!(
        actions(&ask(db.name, "init", &config)),
        [("publication", "exists"), ("replication slot", "exists")]
    );

    db.sql("INSERT INTO t VALUES (2, 'b')");
    let run = db.read(&config, &Default::default());
    let mut changes = run.changes();
    changes.sort_by_key(Value::to_string);
    assert_eq!(
        changes,
        [json!(["read", {"id": 1, "v": "a"}]), json!(["read", {"id": 2, "v": "b"}])]
    );

    db.sql("CREATE TABLE u (id int PRIMARY KEY)");
    let more = db.config(&["t", "u"], json!({}));
    assert_eq!(
        actions(&ask(db.name, "plan", &more)),
        [("publication", "update"), ("replication slot", "none")]
    );

    let status = ask(db.name, "status", &config);
    assert_eq!(actions(&status), [("publication", "exists"), ("replication slot", "exists")]);
    assert_eq!(status["resources"][0]["detail"], "public.t");
    let slot = status["resources"][1]["detail"].as_str().unwrap();
    assert!(slot.contains("confirmed up to") && slot.contains("not read right now"), "{slot}");

    let destroy = ask(db.name, "destroy", &config);
    assert_eq!(actions(&destroy), [("replication slot", "deleted"), ("publication", "deleted")]);
    assert_eq!(there(), "0|0");
    assert_eq!(
        actions(&ask(db.name, "destroy", &config)),
        [("replication slot", "absent"), ("publication", "absent")]
    );
}

#[test]
fn what_somebody_else_made_stays() {
    let db = Db::new("foreign");
    db.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t");
    db.sql("SELECT pg_create_logical_replication_slot('foreign_s', 'pgoutput')");
    let config =
        db.config(&["t"], json!({"publication": "p", "slot": "foreign_s", "create": false}));
    assert_eq!(
        actions(&ask(db.name, "plan", &config)),
        [("publication", "none"), ("replication slot", "none")]
    );
    db.sql("INSERT INTO t VALUES (1)");
    let run = db.read(&config, &Default::default());
    assert_eq!(
        run.changes(),
        [json!(["read", {"id": 1}])],
        "read once, in the snapshot, and not again from the log"
    );
    assert_eq!(
        actions(&ask(db.name, "destroy", &config)),
        [("replication slot", "exists"), ("publication", "exists")]
    );
}

#[test]
fn check_says_what_is_there_and_discover_lists_the_streams() {
    let db = Db::new("discovered");
    db.sql(
        "CREATE TABLE a (id int PRIMARY KEY, n numeric(5,2)); CREATE TABLE b (id uuid PRIMARY KEY)",
    );
    let config = db.config(&["*"], json!({}));
    let check = ask(db.name, "check", &config);
    assert!(check["message"].as_str().unwrap().ends_with("tables: 2"), "{check}");
    let discover = ask(db.name, "discover", &config);
    let streams = discover["streams"].as_array().unwrap();
    assert_eq!(streams[0]["stream"], "public.a");
    assert_eq!(streams[0]["fields"][1]["type"], "decimal(5,2)");
    assert_eq!(streams[1]["key"], json!(["id"]));
}
