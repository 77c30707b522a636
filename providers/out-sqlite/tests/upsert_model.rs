//! Any sequence of changes leaves the table as a map in memory has it.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::json;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Change {
    Write(u8, i64),
    Delete(u8),
    Move(u8, u8, i64),
    Truncate,
    Commit,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (0u8..12, any::<i64>()).prop_map(|(key, value)| Change::Write(key, value)),
        3 => (0u8..12).prop_map(Change::Delete),
        3 => (0u8..12, 0u8..12, any::<i64>()).prop_map(|(from, to, value)| Change::Move(from, to, value)),
        1 => Just(Change::Truncate),
        3 => Just(Change::Commit),
    ]
}

/// The lines of the changes that a source could have made, and what they leave.
fn lines(changes: &[Change]) -> (String, BTreeMap<u8, i64>) {
    let (mut text, mut model, mut id) = (String::new(), BTreeMap::new(), 0);
    let schema = json!({"@schema": {"stream": "s", "key": ["k"], "fields": [
        {"name": "k", "type": "int64"}, {"name": "v", "type": "int64"}]}});
    text += &format!("{schema}\n");
    for change in changes {
        let (op, key, data) = match change {
            Change::Write(k, v) => {
                let old = model.insert(*k, *v);
                (
                    if old.is_some() { "update" } else { "insert" },
                    None,
                    json!({"k": k, "v": v.to_string()}),
                )
            }
            Change::Delete(k) => {
                model.remove(k);
                ("delete", Some(*k), json!({"k": k}))
            }
            Change::Move(from, to, v) => {
                if !model.contains_key(from) || (from != to && model.contains_key(to)) {
                    continue;
                }
                model.remove(from);
                model.insert(*to, *v);
                ("update", Some(*from), json!({"k": to, "v": v.to_string()}))
            }
            Change::Truncate => {
                model.clear();
                ("truncate", None, json!({}))
            }
            Change::Commit => {
                id += 1;
                text += &format!("{}\n", json!({"@checkpoint": {"id": id, "state": {"": id}}}));
                continue;
            }
        };
        let mut metadata = json!({"stream": "s", "op": op});
        if let Some(k) = key {
            metadata["key"] = json!({"k": k});
        }
        text += &format!("{}\n", json!({"data": data, "metadata": metadata}));
    }
    text += &format!(
        "{}\n{{\"@end\":{{}}}}\n",
        json!({"@checkpoint": {"id": id + 1, "state": {"": 0}}})
    );
    (text, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn upserts_deletes_and_key_changes_equal_the_model(changes in prop::collection::vec(change(), 0..80)) {
        let folder = tempfile::tempdir().unwrap();
        let (text, model) = lines(&changes);
        let mut host = FakeHost::start(env!("CARGO_BIN_EXE_dstream-out-sqlite")).unwrap();
        host.send_json(&json!({
            "protocol": 2, "command": "run", "role": "output", "task": "t", "task_id": "u",
            "name": "out", "inputs": ["in"],
            "config": {"path": folder.path().join("x.db"), "mode": "upsert"},
        })).unwrap();
        host.send_raw(text.as_bytes()).unwrap();
        host.close();
        host.rest().unwrap();
        host.exits_with(0).unwrap();
        let db = rusqlite::Connection::open(folder.path().join("x.db")).unwrap();
        let mut statement = match db.prepare("SELECT k, v FROM s") {
            Ok(statement) => statement,
            Err(_) => { prop_assert!(model.is_empty()); return Ok(()); }
        };
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let table: BTreeMap<u8, i64> = rows.map(Result::unwrap).collect();
        prop_assert_eq!(table, model);
    }
}
