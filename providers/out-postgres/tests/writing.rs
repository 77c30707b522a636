//! What stands in the tables afterwards, mode by mode.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::{FakeHost, TestDatabase as _, Value, commit, json, send};

dstream_sql_testkit::writing!(Db);

#[test]
fn constraints_that_can_be_deferred_are_checked_at_the_commit() {
    let db = Db::new();
    db.sql(
        "CREATE TABLE parent (id int PRIMARY KEY); \
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE)",
    );
    let config = json!({"mode": "upsert", "key": ["id"]});
    let send = |host: &mut FakeHost, stream: &str, op: &str, data: Value| {
        send(host, stream, op, &data, &json!({}));
    };
    let (mut host, _) = db.start(&config);
    send(&mut host, "child", "insert", json!({"id": 1, "parent": 1}));
    send(&mut host, "parent", "insert", json!({"id": 1}));
    assert_eq!(commit(&mut host, 1)["@committed"]["written"], 2);
    send(&mut host, "child", "insert", json!({"id": 2, "parent": 1}));
    send(&mut host, "child", "truncate", json!({}));
    send(&mut host, "child", "insert", json!({"id": 3, "parent": 3}));
    let error = commit(&mut host, 2);
    let message = error["@error"]["message"].as_str().unwrap();
    assert!(message.starts_with("at the commit: PostgreSQL: insert or update"), "{message}");
    assert_eq!(db.sql("SELECT id, parent FROM child"), "1|1");
}
