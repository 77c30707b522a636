//! Any sequence of changes leaves the tables as maps in memory have them, however it is cut into
//! batches: what is folded into sets is what each change by itself would have left.

use std::collections::BTreeMap;

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::TestDatabase;

type Key = (u8, String);
type Model = BTreeMap<Key, (Option<i64>, String)>;

#[derive(Debug, Clone)]
enum Change {
    Write(Key, Option<i64>, String),
    /// Without the column b.
    Patch(Key, Option<i64>),
    Delete(Key),
    Move(Key, Key, Option<i64>),
    /// Without the column b.
    PatchMove(Key, Key, Option<i64>),
    Truncate,
    Commit,
}

fn key() -> impl Strategy<Value = Key> {
    (0u8..4, "[a'\\\\]?")
}

fn change() -> impl Strategy<Value = Change> {
    let number = || prop::option::of(any::<i64>());
    prop_oneof![
        8 => (key(), number(), "[a-c\t\n\"\\\\é]{0,4}").prop_map(|(k, a, b)| Change::Write(k, a, b)),
        4 => (key(), number()).prop_map(|(k, a)| Change::Patch(k, a)),
        3 => key().prop_map(Change::Delete),
        3 => (key(), key(), number()).prop_map(|(from, to, a)| Change::Move(from, to, a)),
        2 => (key(), key(), number()).prop_map(|(from, to, a)| Change::PatchMove(from, to, a)),
        1 => Just(Change::Truncate),
        2 => Just(Change::Commit),
    ]
}

fn data(key: &Key, a: Option<i64>, b: Option<&str>) -> Value {
    let mut data = json!({"k": key.0, "l": key.1, "a": a.map(|a| a.to_string())});
    if let Some(b) = b {
        data["b"] = b.into();
    }
    data
}

/// The lines of the changes that a source could have made, and what they leave.
fn lines(changes: &[Change], stream: &str) -> (Vec<Value>, Model) {
    let (mut lines, mut model) = (Vec::new(), Model::new());
    for change in changes {
        let (op, data, old, partial) = match change {
            Change::Write(key, a, b) => {
                let old = model.insert(key.clone(), (*a, b.clone()));
                let op = if old.is_some() { "update" } else { "insert" };
                (op, data(key, *a, Some(b)), None, false)
            }
            Change::Patch(key, a) => {
                let Some(row) = model.get_mut(key) else { continue };
                row.0 = *a;
                ("update", data(key, *a, None), None, true)
            }
            Change::Delete(key) => {
                model.remove(key);
                ("delete", data(key, None, None), Some(key), false)
            }
            Change::Move(from, to, a) | Change::PatchMove(from, to, a) => {
                if !model.contains_key(from) || (from != to && model.contains_key(to)) {
                    continue;
                }
                let (_, b) = model.remove(from).unwrap();
                let partial = matches!(change, Change::PatchMove(..));
                let data = data(to, *a, (!partial).then_some(&b));
                model.insert(to.clone(), (*a, b));
                ("update", data, Some(from), partial)
            }
            Change::Truncate => {
                model.clear();
                ("truncate", json!({}), None, false)
            }
            Change::Commit => {
                lines.push(Value::Null);
                continue;
            }
        };
        let mut metadata = json!({"stream": stream, "op": op});
        if let Some((k, l)) = old {
            metadata["key"] = json!({"k": k, "l": l});
        }
        if partial {
            metadata["unchanged"] = json!(["b"]);
        }
        lines.push(json!({"data": data, "metadata": metadata}));
    }
    (lines, model)
}

/// The lines of two streams, taken in turn, with checkpoints where there is a null.
fn text(one: &[Value], two: &[Value]) -> String {
    let (mut text, mut id) = (String::new(), 0);
    for stream in ["one", "two"] {
        let schema = json!({"@schema": {"stream": stream, "key": ["k", "l"], "fields": [
            {"name": "k", "type": "int64"}, {"name": "l", "type": "string"},
            {"name": "a", "type": "int64"}, {"name": "b", "type": "string"}]}});
        text += &format!("{schema}\n");
    }
    let mut sides = [one.iter(), two.iter()];
    while sides.iter().any(|side| side.len() > 0) {
        for side in &mut sides {
            match side.next() {
                Some(Value::Null) => {
                    id += 1;
                    text += &format!("{}\n", json!({"@checkpoint": {"id": id, "state": {"": id}}}));
                }
                Some(line) => text += &format!("{line}\n"),
                None => {}
            }
        }
    }
    text + &format!("{}\n{{\"@end\":{{}}}}\n", json!({"@checkpoint": {"id": id + 1, "state": {}}}))
}

fn stored<D: TestDatabase>(db: &D, table: &str) -> Model {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let key = (row["k"].as_u64().unwrap() as u8, text(&row["l"]));
        (key, (row["a"].as_i64(), text(&row["b"])))
    };
    db.objects(table, &["k", "l", "a", "b"]).iter().map(row).collect()
}

/// Of two streams at once.
pub fn what_is_folded_into_sets_equals_the_changes_one_by_one<D: TestDatabase>() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) };
    let changes = (prop::collection::vec(change(), 0..90), prop::collection::vec(change(), 0..40));
    let checked = TestRunner::new(config).run(&changes, |(one, two)| {
        let db = D::new();
        let ((one, model_one), (two, model_two)) = (lines(&one, "one"), lines(&two, "two"));
        let mut host = FakeHost::start(D::PROGRAM).unwrap();
        host.send_json(&db.command("run", &json!({"mode": "upsert"}))).unwrap();
        host.send_raw(text(&one, &two).as_bytes()).unwrap();
        host.close();
        let said = host.rest().unwrap();
        host.exits_with(0).unwrap();
        prop_assert!(!said.iter().any(|line| line.starts_with("{\"@rejected")), "{said:?}");
        prop_assert_eq!(stored(&db, "one"), model_one);
        prop_assert_eq!(stored(&db, "two"), model_two);
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}
