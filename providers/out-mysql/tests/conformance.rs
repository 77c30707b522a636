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
                    let user = "writer IDENTIFIED BY 'secret'";
                    db.sql(&format!("CREATE USER IF NOT EXISTS {user}; GRANT ALL ON *.* TO writer"));
                    db.config(&super::json!({"mode": mode, "key": ["id"], "user": "writer", "password": "secret"}))
                }
            );
        }
    };
}

conforms!(append);
conforms!(upsert);
conforms!(history);
