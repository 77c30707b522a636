//! An input under a host that records: every envelope, with what a checkpoint covers.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::FakeHost;

/// How long a test waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of an input of version 2, and everything that it sent. Its methods panic where the input
/// does what it must not; they are for tests.
pub struct InputRun {
    /// The host's side of the pipes.
    pub host: FakeHost,
    /// Envelopes that a checkpoint covers.
    pub rows: Vec<Value>,
    /// Those behind the last checkpoint.
    pub open: Vec<Value>,
    /// Schemas, in the order in which they came.
    pub schemas: Vec<Value>,
    /// The newest state of each partition.
    pub states: BTreeMap<String, Value>,
    /// What it said of how far it is.
    pub progress: Vec<Value>,
    /// Partitions that it asked for.
    pub claims: Vec<Value>,
    /// The error with which it ended.
    pub error: Option<Value>,
    /// Whether it said that this was all.
    pub ended: bool,
    /// Whether checkpoints are told to be saved as they come.
    pub commit: bool,
    last: u64,
}

impl InputRun {
    /// Starts a program with a config and checkpoints.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(
        program: impl AsRef<OsStr>,
        task: &str,
        config: &Value,
        states: &BTreeMap<String, Value>,
    ) -> Self {
        let started = FakeHost::start(program);
        let mut host = started.unwrap_or_else(|error| panic!("{error}")).patience(PATIENCE);
        let line = json!({
            "protocol": 2, "command": "run", "role": "input", "task": task,
            "task_id": format!("id-of-{task}"), "name": "input", "config": config,
            "checkpoint": states,
        });
        host.send_json(&line).unwrap_or_else(|error| panic!("{error}"));
        Self {
            host,
            rows: Vec::new(),
            open: Vec::new(),
            schemas: Vec::new(),
            states: states.clone(),
            progress: Vec::new(),
            claims: Vec::new(),
            error: None,
            ended: false,
            commit: true,
            last: 0,
        }
    }

    /// Takes one line; `false` at the end.
    ///
    /// # Panics
    /// Where the line is none that an input sends.
    pub fn take(&mut self) -> bool {
        let line = self.host.line().unwrap_or_else(|error| panic!("{error}"));
        let Some(line) = line else { return false };
        let mut value: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let fields = value.as_object().unwrap_or_else(|| panic!("no object: {line}"));
        let Some(control) = fields.keys().find(|key| key.starts_with('@')).cloned() else {
            match value["status"].as_str() {
                Some("error") => self.error = Some(value),
                Some(_) => {}
                None => self.open.push(value),
            }
            return true;
        };
        let body = value[&control].take();
        match control.as_str() {
            "@checkpoint" => self.checkpoint(&body),
            "@schema" => self.schemas.push(body),
            "@progress" => self.progress.push(body),
            "@claim" => self.claims.push(body),
            "@error" => self.error = Some(body),
            "@end" => {
                self.ended = true;
                self.save();
            }
            other => panic!("{other}"),
        }
        true
    }

    fn checkpoint(&mut self, body: &Value) {
        for (part, state) in body["state"].as_object().into_iter().flatten() {
            self.states.insert(part.clone(), state.clone());
        }
        self.rows.append(&mut self.open);
        self.last = body["id"].as_u64().unwrap_or_else(|| panic!("{body}"));
        if self.commit {
            self.save();
        }
    }

    /// Tells it that its newest checkpoint is saved.
    pub fn save(&mut self) {
        // It may be gone already.
        if self.last > 0 {
            self.host.send_json(&json!({"@committed": {"id": self.last}})).unwrap_or_default();
        }
    }

    /// Answers a claim.
    pub fn claimed(&mut self, part: &str, state: Option<&Value>) {
        self.host
            .send_json(&json!({"@claimed": {"part": part, "state": state}}))
            .unwrap_or_default();
    }

    /// To the end of stdout.
    ///
    /// # Panics
    /// Where it is not a good one.
    pub fn finish(&mut self) {
        while self.take() {}
        assert!(self.error.is_none(), "{}", self.host.failure(format!("{:?}", self.error)));
        assert!(self.ended && self.open.is_empty(), "{}", self.host.failure("no clean end"));
        self.host.exits_with(0).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The error that it ends with: kind and message.
    ///
    /// # Panics
    /// Where it ends well.
    pub fn fails(&mut self) -> String {
        while self.take() {}
        let error = self.error.take();
        let error = error.unwrap_or_else(|| panic!("{}", self.host.failure("it should fail")));
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("kind"), text("message"))
    }

    /// Reads until this many envelopes have come.
    pub fn wait_for(&mut self, rows: usize) {
        self.wait_until(|run| run.rows.len() + run.open.len() >= rows);
    }

    /// Reads until it is so.
    ///
    /// # Panics
    /// Where it ends before, or does not come to it.
    pub fn wait_until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            let more = self.take();
            let why = self.error.as_ref().map(Value::to_string);
            assert!(more && why.is_none(), "{}", self.host.failure(format!("it ended: {why:?}")));
            assert!(Instant::now() < deadline, "{}", self.host.failure("it takes too long"));
        }
    }

    /// `op` and `data` of each envelope that a checkpoint covers.
    pub fn changes(&self) -> Vec<Value> {
        let short = |row: &Value| json!([row["metadata"]["op"], row["data"]]);
        self.rows.iter().map(short).collect()
    }
}
