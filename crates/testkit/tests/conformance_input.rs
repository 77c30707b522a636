//! The reference input conforms.

dstream_testkit::conformance_input!(
    env!("CARGO_BIN_EXE_reference-input"),
    |_| serde_json::json!({"rows": 57, "every": 5, "password": "x"})
);
