//! Checks for transforms. They get rows of the caller's choice.

use serde_json::{Value, json};

use super::Subject;
use crate::failure::{Result, ensure};

/// Control lines stay in their place, and each checkpoint has an account that adds up.
///
/// # Errors
/// Where a line is missing or a count is wrong.
pub fn checkpoints_are_handed_on_with_an_account(subject: &Subject) -> Result {
    let mut host = subject.ready(&json!({}))?;
    let schema = json!({"@schema": {"stream": "people", "key": ["id"], "fields": [
        {"name": "id", "type": "int64"}, {"name": "name", "type": "string"},
    ]}});
    host.send_json(&schema)?;
    for id in 1..=3u64 {
        for row in 0..id * 10 {
            host.send_json(&json!({
                "data": {"id": row, "name": format!("person {row}")},
                "metadata": {"stream": "people", "op": "insert"},
            }))?;
        }
        host.send_json(&json!({"@checkpoint": {"id": id, "state": {"": row_state(id)}}}))?;
        let (mut out, mut rejected) = (0, 0);
        let checkpoint = loop {
            let line = host.json()?;
            if line.get("@checkpoint").is_some() {
                break line["@checkpoint"].clone();
            }
            out += u64::from(line.get("data").is_some());
            rejected += u64::from(line.get("@rejected").is_some());
        };
        ensure!(checkpoint["id"] == id, "checkpoint {id} came as {checkpoint}");
        ensure!(
            checkpoint["state"] == json!({"": row_state(id)}),
            "the state changed: {checkpoint}"
        );
        let account = &checkpoint["account"];
        ensure!(
            account["in"] == id * 10 && account["out"] == out && rejected_of(account) == rejected,
            "{} rows in, {out} out, {rejected} rejected, and the account is {account}",
            id * 10
        );
    }
    host.send(r#"{"@end":{}}"#)?;
    host.close();
    host.rest()?;
    host.exits_with(0)
}

/// The end of stdin without `@end` is handed on as what it is.
///
/// # Errors
/// Where `@end` comes out.
pub fn an_abort_does_not_become_an_end(subject: &Subject) -> Result {
    let mut host = subject.ready(&json!({}))?;
    host.close();
    let rest = host.rest()?;
    ensure!(!rest.iter().any(|line| line.starts_with(r#"{"@end""#)), "it sent @end: {rest:?}");
    host.exits_with(0)
}

fn row_state(id: u64) -> Value {
    json!({"row": id})
}

fn rejected_of(account: &Value) -> u64 {
    account["rejected"].as_u64().unwrap_or(0)
}
