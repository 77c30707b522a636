//! A server for all tests of the program, a database for each, and a host that records.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use dstream_servers::Postgres;
use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-in-postgres");

/// What logical replication needs, and room for many tests at once.
pub(crate) const SETTINGS: [(&str, &str); 6] = [
    // What is not committed yet is soon in the log, too.
    ("wal_writer_delay", "10ms"),
    // Large transactions are those above this.
    ("logical_decoding_work_mem", "64kB"),
    ("wal_level", "logical"),
    ("max_replication_slots", "60"),
    ("max_wal_senders", "60"),
    ("max_connections", "200"),
];

/// The server that tests share which do not harm it.
pub(crate) fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start(&SETTINGS))
}

/// A database of a test's own.
pub(crate) struct Db {
    pub(crate) name: &'static str,
    pub(crate) server: &'static Postgres,
}

impl Db {
    pub(crate) fn new(name: &'static str) -> Self {
        server().create_database(name);
        Self { name, server: server() }
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.psql(self.name, sql)
    }

    /// A config for tables, with more settings; it ends when it has caught up.
    pub(crate) fn config(&self, tables: &[&str], more: Value) -> Value {
        let mut config = json!({
            "url": self.server.url(self.name), "tables": tables, "until": "caught_up",
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    /// A run with this config; publication and slot are called after the database.
    pub(crate) fn run(&self, config: &Value) -> Run {
        self.resume(config, &BTreeMap::new())
    }

    pub(crate) fn resume(&self, config: &Value, states: &BTreeMap<String, Value>) -> Run {
        Run::start(self.name, config, states)
    }

    /// A run to its end, everything committed.
    pub(crate) fn read(&self, config: &Value, states: &BTreeMap<String, Value>) -> Run {
        let mut run = self.resume(config, states);
        run.finish();
        run
    }
}

/// A run, and everything that it sent.
pub(crate) struct Run {
    pub(crate) host: FakeHost,
    /// Envelopes that a checkpoint covers.
    pub(crate) rows: Vec<Value>,
    /// Those behind the last checkpoint.
    pub(crate) open: Vec<Value>,
    pub(crate) schemas: Vec<Value>,
    pub(crate) states: BTreeMap<String, Value>,
    pub(crate) progress: Vec<Value>,
    pub(crate) error: Option<Value>,
    pub(crate) ended: bool,
    /// Whether checkpoints are told to be saved as they come.
    pub(crate) commit: bool,
    last: u64,
}

pub(crate) fn command(task: &str, command: &str, config: &Value) -> Value {
    json!({
        "protocol": 2, "command": command, "role": "input", "task": task,
        "task_id": format!("id-of-{task}"), "name": "input", "config": config,
    })
}

impl Run {
    pub(crate) fn start(task: &str, config: &Value, states: &BTreeMap<String, Value>) -> Self {
        let mut host = FakeHost::start(PROGRAM).unwrap().patience(Duration::from_secs(60));
        let mut line = command(task, "run", config);
        line["checkpoint"] = json!(states);
        host.send_json(&line).unwrap();
        let (rows, open, schemas) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            host,
            rows,
            open,
            schemas,
            states: states.clone(),
            progress: Vec::new(),
            error: None,
            ended: false,
            commit: true,
            last: 0,
        }
    }

    /// Takes one line; `false` at the end.
    pub(crate) fn take(&mut self) -> bool {
        let Some(line) = self.host.line().unwrap() else { return false };
        let mut value: Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let Some(control) = value.as_object().unwrap().keys().find(|k| k.starts_with('@')).cloned()
        else {
            if value["status"] == "error" {
                self.error = Some(value);
            } else if value.get("status").is_none() {
                self.open.push(value);
            }
            return true;
        };
        let body = value[&control].take();
        match control.as_str() {
            "@checkpoint" => {
                for (part, state) in body["state"].as_object().unwrap() {
                    self.states.insert(part.clone(), state.clone());
                }
                self.rows.append(&mut self.open);
                self.last = body["id"].as_u64().unwrap();
                if self.commit {
                    self.save();
                }
            }
            "@schema" => self.schemas.push(body),
            "@progress" => self.progress.push(body),
            "@error" => self.error = Some(body),
            "@end" => {
                self.ended = true;
                self.save();
            }
            other => panic!("{other}"),
        }
        true
    }

    /// Tells it that its newest checkpoint is saved.
    pub(crate) fn save(&mut self) {
        // It may be gone already.
        if self.last > 0 {
            self.host.send_json(&json!({"@committed": {"id": self.last}})).unwrap_or_default();
        }
    }

    /// To the end of stdout.
    pub(crate) fn finish(&mut self) {
        while self.take() {}
        assert!(self.error.is_none(), "{}", self.host.failure(format!("{:?}", self.error)));
        assert!(self.ended && self.open.is_empty(), "{}", self.host.failure("no clean end"));
        self.host.exits_with(0).unwrap();
    }

    /// The error that it ends with.
    pub(crate) fn fails(&mut self) -> String {
        while self.take() {}
        let error = self.error.take();
        let error = error.unwrap_or_else(|| panic!("{}", self.host.failure("it should fail")));
        format!("{} {}", error["kind"].as_str().unwrap(), error["message"].as_str().unwrap())
    }

    /// Reads until this many envelopes have come.
    pub(crate) fn wait_for(&mut self, rows: usize) {
        self.wait_until(|run| run.rows.len() + run.open.len() >= rows);
    }

    pub(crate) fn wait_until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let more = self.take();
            let why = self.error.as_ref().map(Value::to_string);
            assert!(more && why.is_none(), "{}", self.host.failure(format!("it ended: {why:?}")));
            assert!(Instant::now() < deadline, "{}", self.host.failure("it takes too long"));
        }
    }

    /// `op` and `data` of each envelope.
    pub(crate) fn changes(&self) -> Vec<Value> {
        let short = |row: &Value| json!([row["metadata"]["op"], row["data"]]);
        self.rows.iter().map(short).collect()
    }

    pub(crate) fn schema(&self, stream: &str) -> &Value {
        self.schemas.iter().rfind(|schema| schema["stream"] == stream).unwrap()
    }
}

/// Applies envelopes as an append log that is replayed strictly: gap and overlap panic. Rows by
/// stream and key.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Replay(pub(crate) BTreeMap<String, BTreeMap<String, Value>>);

impl Replay {
    pub(crate) fn apply(&mut self, key: &str, envelopes: &[Value]) {
        for envelope in envelopes {
            let metadata = &envelope["metadata"];
            let rows = self.0.entry(metadata["stream"].as_str().unwrap().to_owned()).or_default();
            let (data, of_data) = (&envelope["data"], envelope["data"][key].to_string());
            let old = metadata["key"].get(key).map_or(of_data.clone(), Value::to_string);
            match metadata["op"].as_str().unwrap() {
                "insert" | "read" => {
                    let before = rows.insert(of_data, data.clone());
                    assert!(before.is_none(), "overlap: {envelope}");
                }
                "update" => {
                    let before = rows.remove(&old);
                    let mut row = before.unwrap_or_else(|| panic!("gap: {envelope}"));
                    for (name, value) in data.as_object().unwrap() {
                        row[name] = value.clone();
                    }
                    assert!(rows.insert(of_data, row).is_none(), "overlap: {envelope}");
                }
                "delete" => assert!(rows.remove(&old).is_some(), "gap: {envelope}"),
                "truncate" => rows.clear(),
                other => panic!("{other}"),
            }
        }
    }

    /// The rows of a stream, as the server's own row_to_json has them.
    pub(crate) fn rows(&self, stream: &str) -> Vec<Value> {
        self.0.get(stream).into_iter().flat_map(|rows| rows.values().cloned()).collect()
    }
}

/// The most memory that a process had.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The rows of a table by the server's own words, in the order that [`Replay::rows`] has.
pub(crate) fn content(db: &Db, table: &str, key: &str) -> Vec<Value> {
    let text = db.sql(&format!("SELECT row_to_json(t) FROM {table} t"));
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let by_key: BTreeMap<String, Value> = rows.map(|row| (row[key].to_string(), row)).collect();
    by_key.into_values().collect()
}
