//! The MySQL output conforms, in each mode.

mod common;

use dstream_testkit::serde_json::json;

macro_rules! conforms {
    ($mode:ident) => {
        mod $mode {
            dstream_testkit::conformance_output!(
                env!("CARGO_BIN_EXE_dstream-out-mysql"),
                |_| {
                    let db = crate::common::Database::new();
                    let mode = stringify!($mode);
                    db.config(&super::json!({"mode": mode, "key": ["id"], "password": "secret"}))
                }
            );
        }
    };
}

conforms!(append);
conforms!(upsert);
conforms!(history);
