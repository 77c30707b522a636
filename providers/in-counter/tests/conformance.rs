//! The counter conforms.

dstream_testkit::conformance_input!(
    env!("CARGO_BIN_EXE_dstream-in-counter"),
    |_| serde_json::json!({"interval": 2, "maxCount": 120}),
    ignore = ["/data/timestamp"],
);
