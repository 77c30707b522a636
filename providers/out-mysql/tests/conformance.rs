//! The MySQL output conforms, in each mode.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

use dstream_sql_testkit::{TestDatabase as _, Value};

dstream_sql_testkit::conforms!(env!("CARGO_BIN_EXE_dstream-out-mysql"), config);

fn config(_: &std::path::Path, mut more: Value) -> Value {
    let db = common::Db::new();
    let user = "writer IDENTIFIED BY 'secret'";
    db.sql(&format!("CREATE USER IF NOT EXISTS {user}; GRANT ALL ON *.* TO writer"));
    more["user"] = "writer".into();
    more["password"] = "secret".into();
    db.config(&more)
}
