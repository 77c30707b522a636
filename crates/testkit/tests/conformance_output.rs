//! The reference output conforms.

dstream_testkit::conformance_output!(env!("CARGO_BIN_EXE_reference-output"), |_| {
    serde_json::json!({})
});
