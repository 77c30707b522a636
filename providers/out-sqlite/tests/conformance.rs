//! The SQLite output conforms, in each mode.

use dstream_sql_testkit::Value;

dstream_sql_testkit::conforms!(env!("CARGO_BIN_EXE_dstream-out-sqlite"), config);

fn config(folder: &std::path::Path, mut more: Value) -> Value {
    more["path"] = folder.join("data.db").to_string_lossy().into();
    more
}
