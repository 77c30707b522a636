//! The reference input conforms.

dstream_testkit::conformance_input!(
    env!("CARGO_BIN_EXE_dstream-in-reference"),
    |_| serde_json::json!({"rows": 57, "every": 5, "password": "x"})
);
