//! Checks for outputs. They get a stream of small rows with a schema.

use std::time::{Duration, Instant};

use dstream_protocol::limits;
use serde_json::{Value, json};

use super::Subject;
use crate::failure::{Result, ensure};
use crate::host::FakeHost;

/// What a busy machine may add to a time limit.
const SLACK: Duration = Duration::from_secs(2);

/// A line that is no envelope, so that every output must reject it.
const MALFORMED: &str = r#"{"data":{"id":1}"#;

/// Between two commits, written and rejected are the rows that were sent; ids are those sent.
///
/// # Errors
/// Where a count is wrong.
pub fn the_account_is_right(subject: &Subject) -> Result {
    let mut talk = Talk::begin(subject, &json!({}))?;
    for rows in [3, 1, 0, 200] {
        talk.rows(rows)?;
        talk.checkpoint()?;
        talk.committed(0)?;
    }
    // Several at once may be gathered into fewer commits.
    for rows in [5, 0, 7] {
        talk.rows(rows)?;
        talk.checkpoint()?;
    }
    while talk.last < talk.id {
        talk.committed(0)?;
    }
    talk.end()
}

/// A checkpoint without rows is committed in time, without more data.
///
/// # Errors
/// Where it is late.
pub fn empty_checkpoints_are_committed_in_time(subject: &Subject) -> Result {
    let mut talk = Talk::begin(subject, &json!({}))?;
    for _ in 0..3 {
        talk.checkpoint()?;
        let sent = Instant::now();
        talk.committed(0)?;
        let took = sent.elapsed();
        ensure!(took < Duration::from_millis(500) + SLACK, "the commit took {took:?}");
    }
    talk.end()
}

/// The end of stdin without `@end` commits nothing more, and is no failure.
///
/// # Errors
/// Where it is taken for an end.
pub fn an_abort_completes_nothing(subject: &Subject) -> Result {
    let mut talk = Talk::begin(subject, &json!({}))?;
    talk.rows(3)?;
    talk.checkpoint()?;
    talk.committed(0)?;
    talk.rows(2)?;
    talk.host.close();
    let rest = talk.host.rest()?;
    let committed = rest.iter().find(|line| line.starts_with(r#"{"@committed""#));
    ensure!(committed.is_none(), "rows without a checkpoint were committed: {committed:?}");
    talk.host.exits_with(0)
}

/// A rejected envelope goes to the host before the commit that counts it.
///
/// # Errors
/// Where it does not.
pub fn a_rejection_precedes_its_commit(subject: &Subject) -> Result {
    let mut talk = Talk::begin(subject, &json!({"dead_letter": true}))?;
    talk.rows(2)?;
    talk.malformed()?;
    talk.checkpoint()?;
    talk.committed(1)?;
    talk.end()
}

/// Without dead letters a rejection fails the run, and its interval is not committed.
///
/// # Errors
/// Where it is.
pub fn without_dead_letters_a_rejection_fails(subject: &Subject) -> Result {
    let mut talk = Talk::begin(subject, &json!({"dead_letter": false}))?;
    talk.malformed()?;
    talk.checkpoint()?;
    let line = talk.control()?;
    ensure!(line["@error"]["kind"] == "permanent", "expected is @error, and came {line}");
    ensure!(!talk.host.exit()?.success(), "the exit code should not be 0");
    Ok(())
}

/// A conversation with an output, and the account that it must keep.
struct Talk {
    host: FakeHost,
    id: u64,
    last: u64,
    /// Rows sent up to each checkpoint.
    sent: Vec<u64>,
    total: u64,
    counted: u64,
}

impl Talk {
    fn begin(subject: &Subject, more: &Value) -> Result<Self> {
        let mut host = subject.ready(more)?;
        host.send_json(&json!({"@schema": {"stream": "people", "key": ["id"], "fields": [
            {"name": "id", "type": "int64", "nullable": false},
            {"name": "name", "type": "string"},
        ]}}))?;
        Ok(Self { host, id: 0, last: 0, sent: vec![0], total: 0, counted: 0 })
    }

    fn rows(&mut self, rows: u64) -> Result {
        for _ in 0..rows {
            self.total += 1;
            let id = self.total;
            self.host.send_json(&json!({
                "data": {"id": id, "name": format!("person {id}")},
                "metadata": {"stream": "people", "op": "insert"},
            }))?;
        }
        Ok(())
    }

    fn malformed(&mut self) -> Result {
        self.total += 1;
        self.host.send(MALFORMED)
    }

    fn checkpoint(&mut self) -> Result {
        self.id += 1;
        self.sent.push(self.total);
        let state = json!({"": {"row": self.total}});
        self.host.send_json(&json!({"@checkpoint": {"id": self.id, "state": state}}))
    }

    /// The next control line; what is for the user is passed over.
    fn control(&mut self) -> Result<Value> {
        loop {
            let line = self.host.line()?;
            let line = line.ok_or_else(|| self.host.failure("stdout ended too early"))?;
            if line.starts_with(r#"{"@"#) && !line.starts_with(r#"{"@progress""#) {
                return Ok(serde_json::from_str(&line)?);
            }
        }
    }

    /// Waits for a commit and compares its account.
    fn committed(&mut self, rejected: u64) -> Result {
        let mut letters = 0;
        let line = loop {
            let line = self.control()?;
            if line.get("@rejected").is_none() {
                break line;
            }
            letters += 1;
        };
        let commit = &line["@committed"];
        let number = |key: &str| commit[key].as_u64().unwrap_or(0);
        let id = number("id");
        ensure!(id > self.last && id <= self.id, "{}", self.host.failure(format!("commit {line}")));
        self.last = id;
        let wanted = self.sent[id as usize] - self.counted;
        ensure!(
            number("written") + number("rejected") == wanted,
            "{wanted} rows were sent since the last commit, and the account is {line}"
        );
        ensure!(
            number("rejected") == letters && letters == rejected,
            "{letters} came as @rejected, {rejected} should have: {line}"
        );
        self.counted = self.sent[id as usize];
        Ok(())
    }

    /// Ends cleanly.
    fn end(mut self) -> Result {
        self.host.send(r#"{"@end":{}}"#)?;
        self.host.close();
        let rest = self.host.patience_mut(limits::STOP_TIMEOUT).rest()?;
        let late = rest.iter().find(|line| line.starts_with(r#"{"@"#));
        ensure!(late.is_none(), "everything was committed, and yet came {late:?}");
        self.host.exits_with(0)
    }
}
