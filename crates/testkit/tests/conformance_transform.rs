//! The reference transform conforms.

dstream_testkit::conformance_transform!(env!("CARGO_BIN_EXE_reference-transform"), |_| {
    serde_json::json!({})
});
