//! Mode `query` against a real PostgreSQL.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod full;
mod incremental;
mod refused;
// The helpers of the other tests, of which these need some.
#[allow(dead_code)]
#[path = "../cdc/support.rs"]
mod support;

use dstream_testkit::serde_json::{Value, json};
use support::Db;

/// A config of mode `query`.
fn config(db: &Db, more: Value) -> Value {
    let mut config = json!({"url": db.server.url(db.name), "mode": "query"});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// One column of each row, in the order in which they came.
fn values(rows: &[Value], column: &str) -> Vec<i64> {
    rows.iter().map(|row| row["data"][column].as_i64().unwrap()).collect()
}

fn sorted(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    values
}
