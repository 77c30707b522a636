//! Changes that a source could have made, as lines, in intervals.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use dstream_sql_testkit::{Value, json};
use proptest::prelude::*;

/// Keyed by a number, by a number and a text, and by a time, whose texts nobody compares.
pub const STREAMS: [&str; 3] = ["number", "both", "time"];

/// What is sent to a table, or to two of them that are to be the same.
#[derive(Debug, Clone)]
pub struct Work {
    /// The mode, and how rows are deleted.
    pub config: Value,
    /// The lines up to each checkpoint.
    pub intervals: Vec<String>,
    /// Which streams have their late column when an interval begins.
    widened: Vec<BTreeSet<usize>>,
}

impl Work {
    /// The schemas as they are when an interval begins.
    pub fn schemas_at(&self, interval: usize) -> String {
        let none = BTreeSet::new();
        let widened = self.widened.get(interval).unwrap_or(&none);
        (0..STREAMS.len()).map(|stream| schema(stream, widened.contains(&stream))).collect()
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(u8, Option<i64>, String),
    /// Without the column b.
    Patch(u8, Option<i64>),
    Delete(u8),
    Move(u8, u8, Option<i64>),
    /// Without the column b.
    PatchMove(u8, u8, Option<i64>),
    Truncate,
    /// The database does not take it.
    Refused(u32),
    /// Cuts what is written at once, in the middle of a transaction.
    Schema,
    /// The stream gets another column.
    Widen,
    Commit,
}

/// A workload of so many changes, in any mode.
pub fn work(changes: Range<usize>) -> impl Strategy<Value = Work> {
    let config = prop_oneof![
        3 => Just(json!({"mode": "upsert"})),
        2 => Just(json!({"mode": "upsert", "delete": "soft"})),
        1 => Just(json!({"mode": "history"})),
        1 => Just(json!({"mode": "append"})),
    ];
    let one = (0..STREAMS.len(), change());
    (config, prop::collection::vec(one, changes)).prop_map(|(config, changes)| {
        let mut making = Making::default();
        for (stream, change) in &changes {
            making.take(config["mode"] == "append", *stream, change);
        }
        making.commit();
        let Making { intervals, widened, .. } = making;
        Work { config, intervals, widened }
    })
}

fn change() -> impl Strategy<Value = Change> {
    let (key, number) = (|| 0u8..30, || prop::option::of(any::<i64>()));
    prop_oneof![
        30 => (key(), number(), "[a-c\t\n\"\\\\é]{0,4}").prop_map(|(k, a, b)| Change::Write(k, a, b)),
        10 => (key(), number()).prop_map(|(k, a)| Change::Patch(k, a)),
        12 => key().prop_map(Change::Delete),
        2 => (key(), key(), number()).prop_map(|(from, to, a)| Change::Move(from, to, a)),
        1 => (key(), key(), number()).prop_map(|(from, to, a)| Change::PatchMove(from, to, a)),
        2 => Just(Change::Truncate),
        1 => any::<u32>().prop_map(Change::Refused),
        6 => Just(Change::Schema),
        1 => Just(Change::Widen),
        10 => Just(Change::Commit),
    ]
}

#[derive(Default)]
struct Making {
    intervals: Vec<String>,
    widened: Vec<BTreeSet<usize>>,
    text: String,
    now: BTreeSet<usize>,
    /// The column b of the rows that are there.
    rows: [BTreeMap<u8, String>; 3],
    lines: u32,
}

impl Making {
    fn take(&mut self, append: bool, stream: usize, change: &Change) {
        let rows = &mut self.rows[stream];
        let (op, data, old, partial) = match change {
            Change::Write(id, a, b) => {
                let old = rows.insert(*id, b.clone());
                let op = if old.is_some() && !append { "update" } else { "insert" };
                (op, row(stream, *id, *a, Some(b)), None, false)
            }
            Change::Refused(n) => {
                // Of a key that no other row has: what it would leave depends on where it is cut.
                let mut data = row(stream, 30, None, Some("refused"));
                data["a"] = json!(format!("no number {n}"));
                ("insert", data, None, false)
            }
            Change::Schema => {
                self.text += &schema(stream, self.now.contains(&stream));
                return;
            }
            Change::Widen => {
                self.now.insert(stream);
                self.text += &schema(stream, true);
                return;
            }
            Change::Commit => return self.commit(),
            _ if append => return,
            Change::Patch(id, a) => match rows.contains_key(id) {
                true => ("update", row(stream, *id, *a, None), None, true),
                false => return,
            },
            Change::Delete(id) => {
                rows.remove(id);
                ("delete", row(stream, *id, None, None), None, false)
            }
            Change::Move(from, to, a) | Change::PatchMove(from, to, a) => {
                if !rows.contains_key(from) || rows.contains_key(to) {
                    return;
                }
                let b = rows.remove(from).unwrap();
                let partial = matches!(change, Change::PatchMove(..));
                let data = row(stream, *to, *a, (!partial).then_some(&b));
                rows.insert(*to, b);
                ("update", data, Some(*from), partial)
            }
            Change::Truncate => {
                rows.clear();
                ("truncate", json!({}), None, false)
            }
        };
        self.line(stream, op, data, (old, partial));
    }

    fn line(&mut self, stream: usize, op: &str, mut data: Value, more: (Option<u8>, bool)) {
        self.lines += 1;
        let (n, (old, partial)) = (self.lines, more);
        if self.now.contains(&stream) && matches!(op, "insert" | "update") {
            data["c"] = json!(n);
        }
        let ts = format!("2026-01-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60);
        let position = format!("{n:08}");
        let mut metadata =
            json!({"stream": STREAMS[stream], "op": op, "ts": ts, "position": position});
        if let Some(old) = old {
            metadata["key"] = key(stream, old);
        }
        if partial {
            metadata["unchanged"] = json!(["b"]);
        }
        self.text += &format!("{}\n", json!({"data": data, "metadata": metadata}));
    }

    fn commit(&mut self) {
        if self.widened.is_empty() {
            self.widened.push(BTreeSet::new());
        }
        self.intervals.push(std::mem::take(&mut self.text));
        self.widened.push(self.now.clone());
    }
}

fn key(stream: usize, id: u8) -> Value {
    match stream {
        0 => json!({"id": id}),
        1 => json!({"k": id % 5, "l": format!("l{}", id / 5)}),
        _ => json!({"at": format!("2026-01-{:02}T00:00:00", id + 1)}),
    }
}

fn row(stream: usize, id: u8, a: Option<i64>, b: Option<&str>) -> Value {
    let mut row = key(stream, id);
    row["a"] = a.map(|a| a.to_string()).into();
    if let Some(b) = b {
        row["b"] = b.into();
    }
    row
}

fn schema(stream: usize, wide: bool) -> String {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let (key, mut fields) = match stream {
        0 => (vec!["id"], vec![field("id", "int64")]),
        1 => (vec!["k", "l"], vec![field("k", "int64"), field("l", "string")]),
        _ => (vec!["at"], vec![field("at", "timestamp")]),
    };
    fields.extend([field("a", "int64"), field("b", "string")]);
    if wide {
        fields.push(field("c", "int64"));
    }
    let schema = json!({"stream": STREAMS[stream], "key": key, "fields": fields});
    format!("{}\n", json!({"@schema": schema}))
}
