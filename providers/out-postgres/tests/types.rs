//! Every type goes in and is the same in the table.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, commit, finish};
use dstream_testkit::serde_json::{Value, json};

/// A type of a stream, the type of the column, values and how PostgreSQL shows them.
type Case = (&'static str, &'static str, Vec<(Value, &'static str)>);

fn types() -> Vec<Case> {
    vec![
        ("bool", "boolean", vec![(json!(true), "true"), (json!(false), "false")]),
        ("int16", "smallint", vec![(json!(-32768), "-32768")]),
        ("int32", "integer", vec![(json!(2147483647), "2147483647")]),
        (
            "int64",
            "bigint",
            vec![(json!("-9223372036854775808"), "-9223372036854775808"), (json!(7), "7")],
        ),
        ("uint64", "numeric(20,0)", vec![(json!("18446744073709551615"), "18446744073709551615")]),
        ("float32", "real", vec![(json!(1.5), "1.5"), (json!("NaN"), "NaN")]),
        (
            "float64",
            "double precision",
            vec![(json!(0.1), "0.1"), (json!("-Infinity"), "-Infinity")],
        ),
        ("decimal(18,4)", "numeric(18,4)", vec![(json!("12.5000"), "12.5000")]),
        (
            "decimal",
            "numeric",
            vec![
                (
                    json!("123456789012345678901234567890.123456789"),
                    "123456789012345678901234567890.123456789",
                ),
                (json!("NaN"), "NaN"),
            ],
        ),
        ("string", "text", vec![(json!("a\tb\\c\nd'\"é"), "a\tb\\c\nd'\"é"), (json!(""), "")]),
        ("bytes", "bytea", vec![(json!("AP8="), "\\x00ff"), (json!(""), "\\x")]),
        (
            "date",
            "date",
            vec![(json!("2026-03-01"), "2026-03-01"), (json!("infinity"), "infinity")],
        ),
        ("time", "time without time zone", vec![(json!("12:30:00.5"), "12:30:00.5")]),
        (
            "timestamp",
            "timestamp without time zone",
            vec![(json!("2026-03-01T12:30:00.123456"), "2026-03-01 12:30:00.123456")],
        ),
        (
            "timestamptz",
            "timestamp with time zone",
            vec![
                (json!("2026-03-01T12:30:00Z"), "2026-03-01 12:30:00+00"),
                (json!("2026-03-01T14:30:00+02:00"), "2026-03-01 12:30:00+00"),
            ],
        ),
        (
            "uuid",
            "uuid",
            vec![(
                json!("5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11"),
                "5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11",
            )],
        ),
        (
            "json",
            "jsonb",
            vec![
                (json!({"a": [1, null, "x\n\\"]}), r#"{"a": [1, null, "x\n\\"]}"#),
                (json!("text"), "\"text\""),
            ],
        ),
        ("array", "jsonb", vec![(json!([1, [2]]), "[1, [2]]")]),
        ("enum", "text", vec![(json!("happy"), "happy")]),
    ]
}

/// The same by `source_type`, from a PostgreSQL.
fn native() -> Vec<(&'static str, &'static str, &'static str, Value, &'static str)> {
    vec![
        ("string", "character varying(5)", "character varying(5)", json!("abc"), "abc"),
        ("string", "character(3)", "character(3)", json!("a"), "a"),
        ("array", "integer[]", "integer[]", json!([[1, 2], [null, 4]]), "{{1,2},{NULL,4}}"),
        (
            "array",
            "text[]",
            "text[]",
            json!(["a,b", "\"", null, "NULL"]),
            r#"{"a,b","\"",NULL,"NULL"}"#,
        ),
        ("array", "bytea[]", "bytea[]", json!(["AP8="]), r#"{"\\x00ff"}"#),
        ("array", "integer[]", "integer[]", json!("[0:1]={1,2}"), "[0:1]={1,2}"),
        ("enum", "mood", "mood", json!("happy"), "happy"),
        ("enum", "no_such_type", "text", json!("happy"), "happy"),
        ("string", "; DROP TABLE s", "text", json!("x"), "x"),
        ("string", "interval", "interval", json!("P1DT2H"), "1 day 02:00:00"),
        ("string", "int4range", "int4range", json!("[1,5)"), "[1,5)"),
        ("string", "inet", "inet", json!("10.0.0.1/8"), "10.0.0.1/8"),
        ("string", "bit(4)", "bit(4)", json!("0101"), "0101"),
        ("string", "money", "money", json!("$1.50"), "$1.50"),
        ("string", "xml", "xml", json!("<a/>"), "<a/>"),
        ("string", "tsvector", "tsvector", json!("'a':1"), "'a':1"),
        ("json", "json", "json", json!({"b": 1, "a": 2}), r#"{"a":2,"b":1}"#),
        (
            "array",
            "integer[]",
            "integer[]",
            json!([[[1], [2]], [[3], [null]]]),
            "{{{1},{2}},{{3},{NULL}}}",
        ),
        (
            "array",
            "numeric[]",
            "numeric[]",
            json!(["NaN", "-Infinity", "1.50"]),
            "{NaN,-Infinity,1.50}",
        ),
        ("array", "int4range[]", "int4range[]", json!(["[1,3)"]), "{\"[1,3)\"}"),
        ("string", "int4multirange", "int4multirange", json!("{[1,3),[5,7)}"), "{[1,3),[5,7)}"),
        (
            "string",
            "hstore",
            "hstore",
            json!("\"a\"=>\"1\", \"b\"=>NULL"),
            "\"a\"=>\"1\", \"b\"=>NULL",
        ),
        ("date", "date", "date", json!("0044-03-15 BC"), "0044-03-15 BC"),
        ("decimal", "numeric", "numeric", json!("-Infinity"), "-Infinity"),
        (
            "timestamptz",
            "timestamp with time zone",
            "timestamp with time zone",
            json!("12024-05-01 10:20:30+00"),
            "12024-05-01 10:20:30+00",
        ),
        (
            "timestamp",
            "timestamp without time zone",
            "timestamp without time zone",
            json!("-infinity"),
            "-infinity",
        ),
        ("string", "age", "integer", json!("41"), "41"),
    ]
}

fn rows(count: usize, line: &Value, host: &mut dstream_testkit::FakeHost) {
    for _ in 0..count {
        host.send_json(line).unwrap();
    }
}

/// One row and a hundred: both ways of writing, and upsert.
const CASES: [(&str, usize); 3] = [("append", 1), ("append", 100), ("upsert", 1)];

#[test]
fn every_type_of_a_stream_has_its_column_and_keeps_its_values() {
    for (mode, count) in CASES {
        let db = Database::new();
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        let all = types();
        let longest = all.iter().map(|(_, _, values)| values.len()).max().unwrap();
        let mut fields = vec![json!({"name": "id", "type": "int32"})];
        fields.extend(all.iter().map(|(kind, ..)| json!({"name": kind, "type": kind})));
        host.send_json(&json!({"@schema": {"stream": "s", "fields": fields}})).unwrap();
        for at in 0..=longest {
            let mut data = json!({"id": at});
            for (kind, _, values) in &all {
                data[kind] = values.get(at).map_or(Value::Null, |(value, _)| value.clone());
            }
            rows(count, &json!({"data": data, "metadata": {"stream": "s"}}), &mut host);
        }
        let committed = commit(&mut host, 1);
        assert_eq!(committed["@committed"]["rejected"], Value::Null, "{committed}");
        finish(host);
        for (kind, column, values) in &all {
            let sql = format!(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 's'::regclass AND attname = '{kind}'"
            );
            assert_eq!(db.psql(&sql), *column, "{kind}");
            for at in 0..=longest {
                let shown = values.get(at).map_or("NULL", |(_, shown)| shown);
                let sql = format!(
                    "SET timezone = 'UTC'; SELECT DISTINCT coalesce(\"{kind}\"::text, 'NULL') FROM s WHERE id = {at}"
                );
                assert_eq!(db.psql(&sql), shown, "{mode} {count} {kind}");
            }
        }
    }
}

#[test]
fn a_stream_of_postgresql_gets_exactly_its_types_where_they_are_known() {
    for (mode, count) in CASES {
        let db = Database::new();
        db.psql("CREATE EXTENSION hstore");
        db.psql("CREATE TYPE mood AS ENUM ('happy'); CREATE DOMAIN age AS int CHECK (VALUE > 0)");
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        let all = native();
        let mut fields = vec![json!({"name": "id", "type": "int32"})];
        let mut data = json!({"id": 1});
        for (at, (kind, source, _, value, _)) in all.iter().enumerate() {
            let name = format!("c{at}");
            fields.push(json!({"name": name, "type": kind, "source_type": source}));
            data[&name] = value.clone();
        }
        let schema = json!({"@schema": {"stream": "s", "system": "postgresql", "fields": fields}});
        host.send_json(&schema).unwrap();
        rows(count, &json!({"data": data, "metadata": {"stream": "s"}}), &mut host);
        let committed = commit(&mut host, 1);
        assert_eq!(committed["@committed"]["rejected"], Value::Null, "{committed}");
        finish(host);
        for (at, (_, source, column, _, shown)) in all.iter().enumerate() {
            let sql = format!(
                "SELECT format_type(coalesce(nullif(typbasetype, 0), atttypid), atttypmod) FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = 's'::regclass AND attname = 'c{at}'"
            );
            assert_eq!(db.psql(&sql), *column, "{source}");
            let sql = format!("SELECT DISTINCT rtrim(c{at}::text) FROM s");
            assert_eq!(db.psql(&sql), *shown, "{mode} {count} {source}");
        }
    }
}

#[test]
fn the_types_of_another_system_are_not_taken_by_name() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({}));
    let fields = json!([{"name": "a", "type": "int64", "source_type": "int4"}]);
    let schema = json!({"@schema": {"stream": "s", "system": "mysql", "fields": fields}});
    host.send_json(&schema).unwrap();
    host.send_json(&json!({"data": {"a": 1}, "metadata": {"stream": "s"}})).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(db.psql("SELECT pg_typeof(a) FROM s"), "bigint");
}
