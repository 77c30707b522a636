//! The PostgreSQL output conforms, in each mode.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

use dstream_sql_testkit::{TestDatabase as _, Value};

dstream_sql_testkit::conforms!(env!("CARGO_BIN_EXE_dstream-out-postgres"), config);

fn config(_: &std::path::Path, mut more: Value) -> Value {
    more["password"] = "secret".into();
    common::Db::new().config(&more)
}
