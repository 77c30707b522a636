//! A server for all tests of a file, a database for each, and what a run sent.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dstream_servers::Mariadb;
use dstream_testkit::FakeHost;
use serde_json::{Value, json};

static SERVER: OnceLock<Mariadb> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(1000);

pub fn server() -> &'static Mariadb {
    SERVER.get_or_init(|| Mariadb::start(&[]))
}

/// A number that no other client of the server has.
pub fn number() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A database by itself, named after the test.
pub fn database(name: &str) -> String {
    let letters = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(letters).collect();
    server().create_database(&name);
    name
}

/// A config for tables of a database.
pub fn config(database: &str, more: Value) -> Value {
    on(server(), database, more)
}

/// The same, on a server of the test's own.
pub fn on(server: &Mariadb, database: &str, more: Value) -> Value {
    let mut config = json!({
        "url": server.url(database), "tables": [format!("{database}.*")], "server_id": number(),
        "heartbeat_interval": "500ms",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    config
}

/// The program, told to run from a checkpoint.
pub fn start(config: &Value, checkpoint: &BTreeMap<String, Value>) -> FakeHost {
    let mut host = FakeHost::start(env!("CARGO_BIN_EXE_dstream-in-mysql")).unwrap();
    let command = json!({
        "protocol": 2, "command": "run", "role": "input", "task": "test", "name": "input",
        "config": config, "checkpoint": checkpoint,
    });
    host.send_json(&command).unwrap();
    host
}

/// What a run sent.
#[derive(Debug, Default)]
pub struct Sent {
    pub rows: Vec<Value>,
    pub schemas: Vec<Value>,
    /// The states as of the last checkpoint, and how many rows stand before it.
    pub states: BTreeMap<String, Value>,
    pub committed: usize,
    pub progress: Vec<Value>,
    pub error: Option<Value>,
    pub ended: bool,
}

impl Sent {
    /// Takes a line; `false`: it was the last.
    pub fn take(&mut self, line: &str) -> bool {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if value.get("@end").is_some() {
            self.ended = true;
            return false;
        }
        if let Some(error) = value.get("@error").or((value["status"] == "error").then_some(&value))
        {
            self.error = Some(error.clone());
            return false;
        }
        if let Some(schema) = value.get("@schema") {
            self.schemas.push(schema.clone());
        } else if let Some(progress) = value.get("@progress") {
            self.progress.push(progress.clone());
        } else if let Some(checkpoint) = value.get("@checkpoint") {
            for (part, state) in checkpoint["state"].as_object().unwrap() {
                self.states.insert(part.clone(), state.clone());
            }
            self.committed = self.rows.len();
        } else if value.get("data").is_some() {
            self.rows.push(value);
        } else {
            assert_eq!(value["status"], "ready", "{line}");
        }
        true
    }

    /// Reads on until this is so.
    pub fn until(&mut self, host: &mut FakeHost, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let line = host.line().unwrap().expect("it goes on");
            assert!(self.take(&line), "it ended: {:?}", self.error);
        }
    }

    /// Reads to the end.
    pub fn rest(&mut self, host: &mut FakeHost) {
        while let Some(line) = host.line().unwrap() {
            if !self.take(&line) {
                return;
            }
        }
    }

    pub fn data(&self) -> Vec<&Value> {
        self.rows.iter().map(|row| &row["data"]).collect()
    }

    pub fn ops(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row["metadata"]["op"].as_str().unwrap()).collect()
    }
}

/// A run that ends where the log ends.
pub fn read(config: &Value, checkpoint: &BTreeMap<String, Value>) -> Sent {
    let mut config = config.clone();
    config["until"] = json!("caught_up");
    let mut host = start(&config, checkpoint);
    let mut sent = Sent::default();
    sent.rest(&mut host);
    sent
}

/// Applies what was sent as an append log that allows no repetition: an insert of a row that is
/// there, or a delete of one that is not, is an overlap or a gap. Rows by stream and key.
#[derive(Debug, Default)]
pub struct Replay(BTreeMap<String, BTreeMap<String, Value>>);

impl Replay {
    pub fn apply(&mut self, key: &str, rows: &[Value]) {
        for row in rows {
            let meta = &row["metadata"];
            let table = self.0.entry(meta["stream"].as_str().unwrap().to_owned()).or_default();
            let new = row["data"][key].to_string();
            match meta["op"].as_str().unwrap() {
                "read" | "insert" => {
                    let there = table.insert(new, row["data"].clone());
                    assert!(there.is_none(), "twice: {row}");
                }
                "update" => {
                    let old = meta.get("key").map_or(new.clone(), |k| k[key].to_string());
                    assert_eq!(table.remove(&old).as_ref(), Some(&row["before"]), "{row}");
                    assert!(table.insert(new, row["data"].clone()).is_none(), "twice: {row}");
                }
                "delete" => assert_eq!(table.remove(&new).as_ref(), Some(&row["data"]), "{row}"),
                "truncate" => table.clear(),
                other => panic!("{other}"),
            }
        }
    }

    /// The rows of a stream, as they are in the end.
    pub fn rows(&self, stream: &str) -> Vec<Value> {
        self.0.get(stream).into_iter().flat_map(|rows| rows.values().cloned()).collect()
    }
}
