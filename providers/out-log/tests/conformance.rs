//! The log conforms, and a row is a line of it.

use dstream_testkit::{FakeHost, Result};

dstream_testkit::conformance_output!(
    env!("CARGO_BIN_EXE_dstream-out-log"),
    |_| serde_json::json!({"logLevel": "debug"})
);

#[test]
fn a_row_is_one_line_on_stderr_with_the_level_asked_for() -> Result {
    let mut host = FakeHost::start(env!("CARGO_BIN_EXE_dstream-out-log"))?;
    host.send(r#"{"command":"run","config":{"log_level":"warn"}}"#)?;
    assert_eq!(host.line()?.as_deref(), Some(r#"{"status":"ready"}"#));
    host.send(r#"{"data":{"id":7},"metadata":{"stream":"people","op":"delete"}}"#)?;
    host.close();
    assert!(host.rest()?.is_empty());
    host.exits_with(0)?;
    let stderr = host.stderr_to_end()?;
    let line = stderr.lines().find(|line| line.contains("row")).unwrap_or_default();
    assert!(line.contains("WARN") && line.contains(r#"data={"id":7}"#), "{stderr}");
    assert!(line.contains(r#"stream="people" op=Delete"#), "{stderr}");
    Ok(())
}
