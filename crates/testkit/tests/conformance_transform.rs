//! The reference transform conforms.

dstream_testkit::conformance_transform!(env!("CARGO_BIN_EXE_dstream-transform-reference"), |_| {
    serde_json::json!({})
});
