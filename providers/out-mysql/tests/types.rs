//! Every type goes in and is the same in the table.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Db;
use dstream_sql_testkit::{TestDatabase as _, commit, finish, json};

dstream_sql_testkit::types!(Db);

/// A JSON is checked, and a TIMESTAMP keeps its value.
#[test]
fn a_column_of_a_mysql_source_is_made_without_the_servers_defaults() {
    let db = Db::new();
    let (mut host, _) = db.start(&json!({}));
    let fields = json!([
        {"name": "j", "type": "json", "source_type": "longtext"},
        {"name": "t", "type": "timestamptz", "source_type": "timestamp"}]);
    let schema = json!({"@schema": {"stream": "s", "system": "mysql", "fields": fields}});
    host.send_json(&schema).unwrap();
    host.send_json(&json!({"data": {"j": [1]}, "metadata": {"stream": "s"}})).unwrap();
    commit(&mut host, 1);
    finish(host);
    let made = db.sql("SHOW CREATE TABLE s");
    assert!(made.contains("json_valid"), "{made}");
    assert!(!made.to_lowercase().contains("on update"), "{made}");
}
