//! check, plan, init, status and destroy, and the errors that say what to do.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::{TestDatabase as _, Value, commit, json, row};

dstream_sql_testkit::lifecycle!(Db);

#[test]
fn check_says_who_asks_what_or_what_is_missing() {
    let db = Db::new();
    let report = db.ask("check", &json!({}));
    let said = report["message"].as_str().unwrap();
    assert!(said.contains(&format!("database `{}` as `postgres`", db.name)), "{said}");
    let role = format!("role_{}", db.name);
    db.sql(&format!("CREATE ROLE {role} LOGIN"));
    let error = db.ask("check", &json!({"user": role}))["error"].to_string();
    assert!(error.contains("GRANT CREATE ON DATABASE"), "{error}");
    db.sql(&format!("GRANT CREATE ON DATABASE {} TO {role}", db.name));
    assert_eq!(db.ask("check", &json!({"user": role}))["status"], "ok");
}

/// What stands in `docs/providers/postgres.md` under permissions is enough, and no more.
#[test]
fn the_documented_grants_are_enough() {
    let db = Db::new();
    let role = format!("writer_{}", db.name);
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN; \
         CREATE TABLE s (id bigint PRIMARY KEY, a text); \
         CREATE SCHEMA _dstream AUTHORIZATION {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON s TO {role}"
    ));
    let config = json!({"user": role, "mode": "upsert", "key": ["id"]});
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 1, "a": "x"}), &json!({}));
    row(&mut host, "delete", &json!({"id": 1}), &json!({}));
    row(&mut host, "truncate", &Value::Null, &json!({}));
    row(&mut host, "insert", &json!({"id": 2, "a": "x"}), &json!({}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 4);
    // What it has no right to is told with what it was about, and is nobody's dead letter.
    host.send_json(&json!({"data": {"id": 1}, "metadata": {"stream": "other"}})).unwrap();
    let error = commit(&mut host, 2);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error["@error"]["message"].as_str().unwrap().contains("CREATE TABLE"), "{error}");
    db.sql("REVOKE INSERT ON s FROM PUBLIC");
    db.sql(&format!("REVOKE INSERT ON s FROM {role}"));
    let (mut host, _) = db.start(&config);
    row(&mut host, "insert", &json!({"id": 3, "a": "x"}), &json!({}));
    let error = commit(&mut host, 1);
    assert_eq!(error["@error"]["kind"], "auth", "{error}");
    assert!(error.to_string().contains("permission denied for table s"), "{error}");
}
