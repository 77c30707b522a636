//! The conformance suite, over a snapshot and changes behind it.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use dstream_testkit::conformance_input;
use serde_json::{Value, json};

fn config(folder: &std::path::Path) -> Value {
    let name = common::database(&folder.file_name().unwrap().to_string_lossy());
    let server = common::server();
    server.sql(&name, "CREATE TABLE t (id int PRIMARY KEY, name text)");
    server.sql(&name, "INSERT INTO t SELECT seq, CONCAT('row ', seq) FROM seq_1_to_3000");
    json!({
        "url": server.url(&name), "tables": ["t"], "until": "caught_up", "snapshot_parallelism": 1,
        // Two runs of one test overlap for a moment.
        "server_id": common::number(), "heartbeat_interval": "1s",
    })
}

conformance_input!(env!("CARGO_BIN_EXE_dstream-in-mysql"), config, ignore = ["/metadata/position"],);
