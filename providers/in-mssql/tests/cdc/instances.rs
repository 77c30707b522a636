//! Several instances of the input, and a destination that all of them write: it keeps the state of
//! each table under its lease's epoch and refuses a lower one, as a transactional output does.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{self, Value, json};

use crate::server::PROGRAM;

/// Longer than any pause of a test.
const PATIENCE: Duration = Duration::from_secs(120);

/// What an instance did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// It was given a table, under this epoch.
    Claimed(String, u64),
    /// An envelope came, read under this epoch.
    Envelope(String, u64),
    /// What it sent came too late, and was not written.
    Refused(String),
    /// Its process has ended; the kind of its error.
    Ended(String),
}

/// Who, when, what.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) who: &'static str,
    pub(crate) at: Instant,
    pub(crate) what: What,
}

#[derive(Default)]
struct Part {
    epoch: u64,
    owner: &'static str,
    state: Option<Value>,
}

/// What is committed, and everything that happened.
#[derive(Default)]
pub(crate) struct Inner {
    parts: BTreeMap<String, Part>,
    /// The keys of each table, in the order in which they came.
    pub(crate) rows: BTreeMap<String, Vec<i64>>,
    pub(crate) events: Vec<Event>,
}

/// Shared by all instances.
#[derive(Clone, Default)]
pub(crate) struct Destination(Arc<Mutex<Inner>>);

impl Destination {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn note(&self, who: &'static str, what: What) {
        self.inner().events.push(Event { who, at: Instant::now(), what });
    }

    /// How many tables are whose.
    pub(crate) fn owners(&self) -> BTreeMap<&'static str, usize> {
        let mut owners = BTreeMap::new();
        for part in self.inner().parts.values() {
            *owners.entry(part.owner).or_default() += 1;
        }
        owners
    }

    /// Whether every table's place is known: here, six of them.
    pub(crate) fn has_all_states(&self) -> bool {
        let inner = self.inner();
        inner.parts.len() == 6 && inner.parts.values().all(|part| part.state.is_some())
    }

    pub(crate) fn count(&self) -> usize {
        self.inner().rows.values().map(Vec::len).sum()
    }

    /// The moments of what an instance did.
    pub(crate) fn when(&self, who: &str, is: impl Fn(&What) -> bool) -> Vec<Instant> {
        let inner = self.inner();
        inner.events.iter().filter(|e| e.who == who && is(&e.what)).map(|e| e.at).collect()
    }

    /// Waits until it is so.
    pub(crate) fn wait(&self, what: &str, limit: Duration, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while !done(self) {
            let owners = self.owners();
            assert!(Instant::now() < deadline, "{what}: {owners:?}\n{:#?}", self.last_events());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn last_events(&self) -> Vec<Event> {
        let events = &self.inner().events;
        let other = |e: &&Event| !matches!(e.what, What::Envelope(..));
        let last: Vec<_> = events.iter().filter(other).cloned().collect();
        last[last.len().saturating_sub(30)..].to_vec()
    }

    /// Every key of every table once and in order, and no epoch with two owners, nor an owner that
    /// comes back behind a later one.
    pub(crate) fn check(&self, keys: &BTreeMap<String, i64>) {
        let inner = self.inner();
        for (table, last) in keys {
            let expected: Vec<i64> = (1..=*last).collect();
            assert_eq!(inner.rows.get(table).map_or(&[][..], Vec::as_slice), expected, "{table}");
        }
        let mut claims: BTreeMap<(&str, u64), &str> = BTreeMap::new();
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &inner.events {
            match &event.what {
                What::Claimed(table, epoch) => {
                    let other = claims.insert((table, *epoch), event.who);
                    assert_eq!(other, None, "{table}, epoch {epoch}: {} too", event.who);
                    let before = newest.insert(table, *epoch);
                    assert!(before.is_none_or(|before| before < *epoch), "{table}: {epoch}");
                }
                What::Envelope(table, epoch) => {
                    let owner = claims.get(&(table.as_str(), *epoch));
                    assert_eq!(owner, Some(&event.who), "{table}, epoch {epoch}");
                }
                _ => {}
            }
        }
    }
}

/// A run of the input, whose lines a thread takes.
pub(crate) struct Instance {
    pub(crate) pid: u32,
    thread: Option<JoinHandle<()>>,
}

impl Instance {
    pub(crate) fn start(who: &'static str, config: &Value, to: &Destination) -> Self {
        let mut host = FakeHost::start(PROGRAM).unwrap().patience(PATIENCE);
        let command = json!({
            "protocol": 2, "command": "run", "role": "input", "task": "t", "task_id": who,
            "name": "input", "config": config,
        });
        host.send_json(&command).unwrap();
        let (pid, to) = (host.pid(), to.clone());
        let thread = std::thread::spawn(move || {
            Lines { who, to, host, open: Vec::new(), epochs: BTreeMap::new() }.take_all();
        });
        Self { pid, thread: Some(thread) }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid.to_string()]).status();
        assert!(sent.unwrap().success(), "kill {signal}");
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until its process is gone and everything that it sent is taken.
    pub(crate) fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal("-KILL");
        }
    }
}

struct Lines {
    who: &'static str,
    to: Destination,
    host: FakeHost,
    /// Envelopes behind the last checkpoint.
    open: Vec<(String, i64)>,
    /// Under what it claimed.
    epochs: BTreeMap<String, u64>,
}

impl Lines {
    fn take_all(mut self) {
        let (mut error, mut torn) = (String::from("none"), false);
        while let Some(line) = self.host.line().unwrap() {
            assert!(!torn, "a line behind half a line: {line}");
            // Half a line at the end is none.
            let Ok(value) = serde_json::from_str::<Value>(&line) else {
                torn = true;
                continue;
            };
            if value.get("status").is_some() {
                assert_eq!(value["status"], "ready", "{value}");
            } else if let Some(claim) = value.get("@claim") {
                self.claim(claim);
            } else if let Some(checkpoint) = value.get("@checkpoint") {
                if !self.commit(checkpoint) {
                    self.host.kill();
                }
            } else if value.get("@error").is_some() {
                error = format!("{}", value["@error"]);
            } else if value.get("metadata").is_some() {
                self.envelope(&value);
            }
        }
        self.host.exit().unwrap();
        self.to.note(self.who, What::Ended(error));
    }

    fn claim(&mut self, claim: &Value) {
        let (part, epoch) = (claim["part"].as_str().unwrap(), claim["epoch"].as_u64().unwrap());
        assert!(claim["group"].as_str().unwrap().contains("sqlserver:"), "{claim}");
        let mut inner = self.to.inner();
        let stored = inner.parts.entry(part.into()).or_default();
        if stored.epoch >= epoch {
            drop(inner);
            self.to.note(self.who, What::Refused(part.into()));
            self.host.kill();
            return;
        }
        (stored.epoch, stored.owner) = (epoch, self.who);
        let state = stored.state.clone();
        drop(inner);
        self.epochs.insert(part.into(), epoch);
        self.to.note(self.who, What::Claimed(part.into(), epoch));
        let answer =
            json!({"@claimed": {"part": part, "state": state, "epoch": epoch, "shared": true}});
        self.host.send_json(&answer).unwrap_or_default();
    }

    fn envelope(&mut self, value: &Value) {
        let metadata = &value["metadata"];
        let stream = metadata["stream"].as_str().unwrap().to_owned();
        let epoch = metadata["epoch"].as_u64().unwrap_or_else(|| panic!("no epoch: {value}"));
        self.open.push((stream.clone(), value["data"]["id"].as_i64().unwrap()));
        self.to.note(self.who, What::Envelope(stream, epoch));
    }

    /// `false`: another one has a table of it.
    fn commit(&mut self, checkpoint: &Value) -> bool {
        let mut inner = self.to.inner();
        let states = checkpoint["state"].as_object().unwrap();
        let open = std::mem::take(&mut self.open);
        for (stream, _) in &open {
            assert!(states.contains_key(stream), "rows of {stream}, and {checkpoint}");
        }
        for part in states.keys() {
            if inner.parts[part].epoch != self.epochs[part] {
                drop(inner);
                self.to.note(self.who, What::Refused(part.clone()));
                return false;
            }
        }
        for (part, state) in states {
            inner.parts.get_mut(part).unwrap().state = Some(state.clone());
        }
        for (stream, id) in open {
            inner.rows.entry(stream).or_default().push(id);
        }
        drop(inner);
        self.host.send_json(&json!({"@committed": {"id": checkpoint["id"]}})).unwrap_or_default();
        true
    }
}
