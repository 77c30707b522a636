//! The SQLite output conforms, in both modes.

use dstream_testkit::serde_json::json;

mod append {
    dstream_testkit::conformance_output!(env!("CARGO_BIN_EXE_dstream-out-sqlite"), |folder| {
        super::json!({"path": folder.join("data.db")})
    });
}

mod upsert {
    dstream_testkit::conformance_output!(env!("CARGO_BIN_EXE_dstream-out-sqlite"), |folder| {
        super::json!({"path": folder.join("data.db"), "mode": "upsert", "key": ["id"]})
    });
}
