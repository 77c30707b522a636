//! The console conforms.

dstream_testkit::conformance_output!(
    env!("CARGO_BIN_EXE_dstream-out-console"),
    |_| dstream_testkit::serde_json::json!({"outputFormat": "table"})
);
