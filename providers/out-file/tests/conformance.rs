//! The file output conforms.

use dstream_testkit::serde_json::json;

mod lines {
    dstream_testkit::conformance_output!(env!("CARGO_BIN_EXE_dstream-out-file"), |folder| {
        super::json!({"path": folder.join("{stream}.jsonl")})
    });
}

mod csv {
    dstream_testkit::conformance_output!(env!("CARGO_BIN_EXE_dstream-out-file"), |folder| {
        super::json!({"path": folder.join("{stream}.csv.gz"), "sha256": true})
    });
}
