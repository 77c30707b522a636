//! A real server for all tests of a file, a database for each, and a host that says what it is told.

// Each file uses some of it. The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dstream_servers::Mariadb;
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-out-mysql");

pub fn server() -> &'static Mariadb {
    static SERVER: OnceLock<Mariadb> = OnceLock::new();
    SERVER.get_or_init(|| Mariadb::start(&["--innodb-flush-log-at-trx-commit=2"]))
}

/// A database for one test, and one beside it for the bookkeeping.
pub struct Database {
    pub name: String,
}

impl Database {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server().create_database(&name);
        Self { name }
    }

    /// The database of the checkpoints.
    pub fn books(&self) -> String {
        format!("{}_books", self.name)
    }

    /// Values with `|` between them, rows with newlines.
    pub fn sql(&self, sql: &str) -> String {
        server().sql(&self.name, sql).replace('\t', "|")
    }

    pub fn config(&self, more: &Value) -> Value {
        let mut config =
            json!({"url": server().url(&self.name), "bookkeeping_database": self.books()});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    pub fn command(&self, operation: &str, config: &Value) -> Value {
        json!({
            "protocol": 2, "command": operation, "role": "output", "task": "t", "task_id": "u-1",
            "name": "out", "inputs": ["in"], "dead_letter": true, "commit_within_ms": 200,
            "config": self.config(config),
        })
    }

    /// Starts a run; its ready line.
    pub fn start(&self, config: &Value) -> (FakeHost, Value) {
        let mut host = FakeHost::start(PROGRAM).unwrap();
        host.send_json(&self.command("run", config)).unwrap();
        let ready = host.json().unwrap();
        assert_eq!(ready["status"], "ready", "{ready}");
        (host, ready)
    }

    /// The answer of an operation beside `run`.
    pub fn ask(&self, operation: &str, config: &Value) -> Value {
        let mut host = FakeHost::start(PROGRAM).unwrap();
        host.send_json(&self.command(operation, config)).unwrap();
        host.close();
        host.json().unwrap()
    }
}

pub fn row(host: &mut FakeHost, op: &str, data: &Value, more: &Value) {
    let mut metadata = json!({"stream": "s", "op": op});
    for (key, value) in more.as_object().into_iter().flatten() {
        metadata[key] = value.clone();
    }
    host.send_json(&json!({"data": data, "metadata": metadata})).unwrap();
}

pub fn checkpoint(host: &mut FakeHost, id: u64, state: &Value) {
    host.send_json(&json!({"@checkpoint": {"id": id, "state": {"": state}}})).unwrap();
}

/// A checkpoint, and what is said of it.
pub fn commit(host: &mut FakeHost, id: u64) -> Value {
    checkpoint(host, id, &json!(id));
    let mut line = host.json().unwrap();
    while line.get("@rejected").is_some() || line.get("@progress").is_some() {
        line = host.json().unwrap();
    }
    line
}

pub fn finish(mut host: FakeHost) -> Vec<Value> {
    host.send_json(&json!({"@end": {}})).unwrap();
    host.close();
    let rest = host.rest().unwrap();
    host.exits_with(0).unwrap();
    rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}
