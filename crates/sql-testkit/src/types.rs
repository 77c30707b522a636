//! Every type goes in and is the same in the table.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

use crate::{TestDatabase, commit, finish};

/// A type of a stream, the type of the column, values and how the database shows them.
pub type Case = (&'static str, &'static str, Vec<(Value, &'static str)>);

/// A type of a stream, the source's type, the type of the column, a value and how it is shown.
pub type Native = (&'static str, &'static str, &'static str, Value, &'static str);

/// One row and a hundred: both ways of writing, and upsert.
const CASES: [(&str, usize); 3] = [("append", 1), ("append", 100), ("upsert", 1)];

/// How a null is shown.
const NULL: &str = "<null>";

fn rows(count: usize, data: &Value, host: &mut FakeHost) {
    let line = json!({"data": data, "metadata": {"stream": "s"}});
    for _ in 0..count {
        host.send_json(&line).unwrap();
    }
}

fn written(mut host: FakeHost) {
    let committed = commit(&mut host, 1);
    assert_eq!(committed["@committed"]["rejected"], Value::Null, "{committed}");
    finish(host);
}

/// By the stream's own types.
pub fn every_type_of_a_stream_has_its_column_and_keeps_its_values<D: TestDatabase>() {
    for (mode, count) in CASES {
        let db = D::new();
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        let all = D::types();
        let longest = all.iter().map(|(_, _, values)| values.len()).max().unwrap();
        let mut fields = vec![json!({"name": "id", "type": "int32"})];
        fields.extend(all.iter().map(|(kind, ..)| json!({"name": kind, "type": kind})));
        host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
        for at in 0..=longest {
            let mut data = json!({"id": at});
            for (kind, _, values) in &all {
                data[kind] = values.get(at).map_or(Value::Null, |(value, _)| value.clone());
            }
            rows(count, &data, &mut host);
        }
        written(host);
        for (kind, column, values) in &all {
            assert_eq!(db.column_type("s", kind), *column, "{kind}");
            for at in 0..=longest {
                let text = values.get(at).map_or(NULL, |(_, shown)| shown);
                let name = D::shown(&db.quoted(kind), column);
                let sql =
                    format!("SELECT DISTINCT coalesce({name}, '{NULL}') FROM s WHERE id = {at}");
                assert_eq!(db.sql(&sql), text, "{mode} {count} {kind}");
            }
        }
    }
}

/// By the source's own types, where it is such a database.
pub fn a_stream_of_the_same_system_gets_exactly_its_types_where_they_are_known<D: TestDatabase>() {
    for (mode, count) in CASES {
        let db = D::new();
        db.prepare_native();
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        let all = D::native();
        let mut fields = vec![json!({"name": "id", "type": "int32"})];
        let mut data = json!({"id": 1});
        for (at, (kind, source, _, value, _)) in all.iter().enumerate() {
            let name = format!("c{at}");
            fields.push(json!({"name": name, "type": kind, "source_type": source}));
            data[&name] = value.clone();
        }
        let schema = json!({"@schema": {"stream": "s", "system": D::SYSTEM, "fields": fields}});
        host.send_json(&schema).unwrap();
        rows(count, &data, &mut host);
        written(host);
        for (at, (_, source, column, _, text)) in all.iter().enumerate() {
            let name = format!("c{at}");
            assert_eq!(db.column_type("s", &name), *column, "{source}");
            let sql = format!(
                "SELECT DISTINCT coalesce({}, '{NULL}') FROM s",
                D::shown(&db.quoted(&name), column)
            );
            assert_eq!(db.sql(&sql), *text, "{mode} {count} {source}");
        }
    }
}

/// Though this database has a type of that name.
pub fn the_types_of_another_system_are_not_taken_by_name<D: TestDatabase>() {
    let db = D::new();
    let (mut host, _) = db.start(&json!({}));
    let fields = json!([{"name": "a", "type": "int64", "source_type": "smallint"}]);
    let schema = json!({"@schema": {"stream": "s", "system": "another", "fields": fields}});
    host.send_json(&schema).unwrap();
    rows(1, &json!({"a": 1}), &mut host);
    written(host);
    let int64 = D::types().into_iter().find(|(kind, ..)| *kind == "int64").unwrap().1;
    assert_eq!(db.column_type("s", "a"), int64);
}
