//! The SQL Server output conforms, in each mode.

mod common;

use dstream_sql_testkit::{TestDatabase as _, Value};

dstream_sql_testkit::conforms!(env!("CARGO_BIN_EXE_dstream-out-mssql"), config);

fn config(_: &std::path::Path, more: Value) -> Value {
    // It is needed until the run's end, and the run ends with the test's process.
    let db = Box::leak(Box::new(common::Db::new()));
    db.config(&more)
}
