//! The input conforms. A source that forgets what was acknowledged cannot be read twice from its
//! beginning, so it is the snapshot that is read here; the stream has its own tests.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dstream_servers::Postgres;
use dstream_testkit::serde_json::{Value, json};

fn table(_: &Path) -> Value {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| {
        let settings =
            [("wal_level", "logical"), ("max_replication_slots", "40"), ("max_wal_senders", "40")];
        Postgres::start(&settings)
    });
    let name = format!("conformance_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let url = server.create_database(&name);
    server.psql(&name, "CREATE TABLE people (id int PRIMARY KEY, name text)");
    server
        .psql(&name, "INSERT INTO people SELECT n, 'name ' || n FROM generate_series(1, 40000) n");
    json!({
        "url": url, "password": "", "tables": ["people"], "publication": name, "slot": name,
        "until": "caught_up", "snapshot_parallelism": 1,
    })
}

dstream_testkit::conformance_input!(
    env!("CARGO_BIN_EXE_dstream-in-postgres"),
    table,
    ignore = ["/metadata/position"],
);

mod query {
    //! By query, behind a cursor: a full read begins anew where a checkpoint says that it was
    //! completed, which is not what the suite expects of a checkpoint.

    use super::*;

    fn behind_a_cursor(folder: &Path) -> Value {
        let url = table(folder)["url"].clone();
        json!({"url": url, "mode": "query", "tables": ["people"], "cursor": "id"})
    }

    dstream_testkit::conformance_input!(
        env!("CARGO_BIN_EXE_dstream-in-postgres"),
        behind_a_cursor,
        ignore = ["/metadata/position"],
    );
}
