//! What the SDK does where it gets large, or the other side is gone.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dstream_testkit::conformance::{Subject, input};
use dstream_testkit::{FakeHost, Result, Role};
use serde_json::{Value, json};

const INPUT: &str = env!("CARGO_BIN_EXE_reference-input");
const OUTPUT: &str = env!("CARGO_BIN_EXE_reference-output");

fn subject(program: &str, role: Role, config: Value) -> Result<Subject> {
    Subject::new(program, role, |_| config)
}

fn row(n: u64) -> String {
    format!("{{\"data\":{{\"n\":{n}}},\"metadata\":{{\"x\":\"{}\"}}}}\n", "x".repeat(1000))
}

/// The interval is three times what an output holds back; the one before it is committed alone.
#[test]
fn an_interval_larger_than_memory_goes_through_and_does_not_hold_up_the_one_before() -> Result {
    let output = subject(OUTPUT, Role::Output, json!({}))?;
    let mut host = output.ready(&json!({"commit_within_ms": 60_000}))?;
    let mut lines = row(1) + r#"{"@checkpoint":{"id":1,"state":{}}}"# + "\n";
    lines.extend((0..12_000).map(row));
    host.send_raw(lines.as_bytes())?;
    assert_eq!(host.json()?, json!({"@committed": {"id": 1, "written": 1, "state": 1}}));
    host.send(r#"{"@checkpoint":{"id":2,"state":{}}}"#)?;
    assert_eq!(host.json()?, json!({"@committed": {"id": 2, "written": 12_000, "state": 12_001}}));
    host.send(r#"{"@end":{}}"#)?;
    host.exits_with(0)
}

#[test]
fn a_row_longer_than_the_limit_names_size_and_limit() -> Result {
    let input = subject(INPUT, Role::Input, json!({"rows": 5}))?;
    let mut host = input.ready(&json!({"max_line_bytes": 20}))?;
    let message = host.json()?["@error"]["message"].to_string();
    assert!(message.contains("limit is 20") && message.contains("max_line_bytes"), "{message}");
    host.exits_with(1)
}

#[test]
fn a_line_that_never_ends_stops_an_output_before_memory_does() -> Result {
    let output = subject(OUTPUT, Role::Output, json!({}))?;
    let mut host = output.ready(&json!({"max_line_bytes": 1000}))?;
    // It may be gone before everything is sent.
    host.send_raw(&vec![b'x'; 200_000]).unwrap_or_default();
    assert_eq!(host.json()?["@error"]["kind"], "permanent");
    host.exits_with(1)
}

#[test]
fn stop_in_a_long_run_loses_nothing() -> Result {
    let config = json!({"rows": 30_000, "every": 700});
    input::stop_loses_nothing(&subject(INPUT, Role::Input, config)?)
}

/// The rows are out and no checkpoint can follow them: `@end` would make them count.
#[test]
fn a_stop_where_no_checkpoint_can_follow_ends_without_end() -> Result {
    let input = subject(INPUT, Role::Input, json!({"rows": 3, "endless": true}))?;
    let mut host = input.ready(&json!({}))?;
    for _ in 0..4 {
        host.json()?;
    }
    host.send(r#"{"@stop":{}}"#)?;
    assert_eq!(host.rest()?, Vec::<String>::new());
    host.exits_with(0)
}

#[test]
fn a_provider_whose_host_is_gone_ends_by_itself() -> Result {
    let mut child = Command::new(INPUT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Nobody reads, but stdin stays open: the broken pipe alone must tell.
    drop(child.stdout.take());
    let command = subject(INPUT, Role::Input, json!({"rows": 1_000_000}))?.command(&json!({}));
    writeln!(child.stdin.as_ref().unwrap(), "{command}")?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it goes on without a host");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait()?.code(), Some(1));
    Ok(())
}

#[test]
fn stdin_may_be_a_file() -> Result {
    let output = subject(OUTPUT, Role::Output, json!({}))?;
    let mut file = tempfile::tempfile()?;
    writeln!(file, "{}", output.command(&json!({})))?;
    file.write_all((row(1) + &row(2)).as_bytes())?;
    file.write_all(b"{\"@checkpoint\":{\"id\":1,\"state\":{}}}\n{\"@end\":{}}\n")?;
    std::io::Seek::rewind(&mut file)?;
    let out = Command::new(OUTPUT).stdin(file).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(last, r#"{"@committed":{"id":1,"written":2,"state":2}}"#, "{text}");
    assert!(out.status.success());
    Ok(())
}

#[test]
fn what_a_provider_prints_is_a_log_line() -> Result {
    let input = subject(INPUT, Role::Input, json!({"rows": 1, "noisy": true}))?;
    let mut host = input.ready(&json!({}))?;
    while host.json()? != json!({"@end": {}}) {}
    host.close();
    host.exits_with(0)?;
    assert!(host.stderr_to_end()?.contains("a stray line"));
    Ok(())
}

/// A folder is no program, and a file that is not there neither.
#[test]
fn what_cannot_be_started_is_named() {
    let error = FakeHost::start("/no/such/provider").unwrap_err().to_string();
    assert!(error.contains("/no/such/provider"), "{error}");
    assert!(File::open("/no/such/provider").is_err());
}
