//! Every type goes in and is the same in the table.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Database, commit, finish};
use dstream_testkit::serde_json::{Value, json};

/// A type of a stream, the type of the column, values and how MariaDB shows them.
type Case = (&'static str, &'static str, Vec<(Value, &'static str)>);

fn types() -> Vec<Case> {
    let long = "123456789012345678901234567890.123456789012345678901234567890123456789";
    vec![
        ("bool", "tinyint(1)", vec![(json!(true), "1"), (json!(false), "0")]),
        ("int16", "smallint(6)", vec![(json!(-32768), "-32768")]),
        ("int32", "int(11)", vec![(json!(2147483647), "2147483647")]),
        (
            "int64",
            "bigint(20)",
            vec![(json!("-9223372036854775808"), "-9223372036854775808"), (json!(7), "7")],
        ),
        (
            "uint64",
            "bigint(20) unsigned",
            vec![(json!("18446744073709551615"), "18446744073709551615")],
        ),
        ("float32", "float", vec![(json!(1.5), "1.5")]),
        ("float64", "double", vec![(json!(0.1), "0.1"), (json!(1e-300), "1e-300")]),
        ("decimal(18,4)", "decimal(18,4)", vec![(json!("12.5000"), "12.5000")]),
        ("decimal", "longtext", vec![(json!(long), long), (json!("NaN"), "NaN")]),
        (
            "string",
            "longtext",
            vec![(json!("b\\d'\"é😀 `%_"), "b\\\\d'\"é😀 `%_"), (json!(""), "")],
        ),
        ("bytes", "longblob", vec![(json!("AP8n"), "00FF27"), (json!(""), "")]),
        ("date", "date", vec![(json!("2026-03-01"), "2026-03-01")]),
        (
            "time",
            "time(6)",
            vec![
                (json!("12:30:00.5"), "12:30:00.500000"),
                (json!("-838:59:59"), "-838:59:59.000000"),
            ],
        ),
        (
            "timestamp",
            "datetime(6)",
            vec![
                (json!("2026-03-01T12:30:00.123456"), "2026-03-01 12:30:00.123456"),
                (json!("0000-00-00T00:00:00"), "0000-00-00 00:00:00.000000"),
            ],
        ),
        (
            "timestamptz",
            "datetime(6)",
            vec![
                (json!("2026-03-01T12:30:00Z"), "2026-03-01 12:30:00.000000"),
                (json!("2026-03-01T14:30:00.5+02:00"), "2026-03-01 12:30:00.500000"),
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
            "longtext",
            vec![
                (json!({"a": [1, null, "x\n\\"]}), r#"{"a":[1,null,"x\\n\\\\"]}"#),
                (json!("text"), "\"text\""),
            ],
        ),
        ("array", "longtext", vec![(json!([1, [2]]), "[1,[2]]")]),
        ("enum", "longtext", vec![(json!("happy"), "happy")]),
    ]
}

/// The same by `source_type`, from a MySQL or MariaDB.
fn native() -> Vec<(&'static str, &'static str, &'static str, Value, &'static str)> {
    vec![
        ("string", "varchar(5)", "varchar(5)", json!("abc"), "abc"),
        ("string", "char(3)", "char(3)", json!("a"), "a"),
        ("string", "tinytext", "tinytext", json!("abc"), "abc"),
        ("int16", "tinyint(3) unsigned", "tinyint(3) unsigned", json!(255), "255"),
        ("int32", "mediumint(9)", "mediumint(9)", json!(-8388608), "-8388608"),
        ("int64", "int(10) unsigned zerofill", "int(10) unsigned zerofill", json!(5), "0000000005"),
        (
            "uint64",
            "bigint(20) unsigned",
            "bigint(20) unsigned",
            json!("18446744073709551615"),
            "18446744073709551615",
        ),
        ("bool", "bit(1)", "bit(1)", json!(true), "1"),
        ("uint64", "bit(64)", "bit(64)", json!("18446744073709551615"), "18446744073709551615"),
        (
            "decimal(65,30)",
            "decimal(65,30)",
            "decimal(65,30)",
            json!("-1.000000000000000000000000000001"),
            "-1.000000000000000000000000000001",
        ),
        ("int16", "year(4)", "year(4)", json!(0), "0000"),
        ("enum", "enum('1','0','it''s')", "enum('1','0','it''s')", json!("0"), "0"),
        ("enum", "enum('1','0','it''s')", "enum('1','0','it''s')", json!("it's"), "it's"),
        ("string", "set('a','b','c')", "set('a','b','c')", json!("a,c"), "a,c"),
        (
            "timestamptz",
            "timestamp(3)",
            "timestamp(3)",
            json!("2026-03-01T12:30:00.123Z"),
            "2026-03-01 12:30:00.123",
        ),
        ("timestamptz", "timestamp", "timestamp", Value::Null, "NULL"),
        ("timestamp", "datetime", "datetime", json!("9999-12-31T23:59:59"), "9999-12-31 23:59:59"),
        ("time", "time(3)", "time(3)", json!("25:00:00.5"), "25:00:00.500"),
        ("date", "date", "date", json!("0000-00-00"), "0000-00-00"),
        ("date", "date", "date", json!("2026-00-15"), "2026-00-15"),
        ("bytes", "binary(4)", "binary(4)", json!("AAEAAA=="), "00010000"),
        ("bytes", "varbinary(9)", "varbinary(9)", json!("/wA="), "FF00"),
        ("bytes", "mediumblob", "mediumblob", json!("AA=="), "00"),
        ("json", "longtext", "longtext", json!({"a": 1.50, "b": [2]}), r#"{"a":1.5,"b":[2]}"#),
        (
            "uuid",
            "uuid",
            "uuid",
            json!("5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11"),
            "5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11",
        ),
        ("string", "inet6", "inet6", json!("2001:db8::1"), "2001:db8::1"),
        ("string", "inet4", "inet4", json!("10.0.0.1"), "10.0.0.1"),
        (
            "string",
            "point",
            "point",
            json!("0101000020E6100000000000000000F03F0000000000000040"),
            "4326 POINT(1 2)",
        ),
        (
            "string",
            "geometry",
            "geometry",
            json!("0101000000000000000000F03F0000000000000040"),
            "0 POINT(1 2)",
        ),
        ("string", "varchar(30000)", "longtext", json!("x"), "x"),
        ("string", "no_such_type", "longtext", json!("x"), "x"),
        ("string", "int); DROP TABLE s; -- ", "longtext", json!("x"), "x"),
    ]
}

fn rows(count: usize, line: &Value, host: &mut dstream_testkit::FakeHost) {
    for _ in 0..count {
        host.send_json(line).unwrap();
    }
}

const CASES: [(&str, usize); 3] = [("append", 1), ("append", 100), ("upsert", 1)];

/// How a column is shown as text.
fn shown(column: &str, kind: &str) -> String {
    match kind {
        kind if kind.contains("blob") || kind.contains("binary") => format!("hex({column})"),
        kind if kind.starts_with("bit") => format!("cast({column} AS unsigned)"),
        "point" | "geometry" => format!("concat(st_srid({column}), ' ', st_astext({column}))"),
        _ => format!("cast({column} AS char)"),
    }
}

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
            assert_eq!(column_type(&db, kind), *column, "{kind}");
            for at in 0..=longest {
                let text = values.get(at).map_or("NULL", |(_, shown)| shown);
                let name = shown(&format!("`{kind}`"), column);
                let sql =
                    format!("SELECT DISTINCT coalesce({name}, 'NULL') FROM s WHERE id = {at}");
                assert_eq!(db.sql(&sql), text, "{mode} {count} {kind}");
            }
        }
    }
}

fn column_type(db: &Database, column: &str) -> String {
    db.sql(&format!(
        "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = database() AND TABLE_NAME = 's' AND COLUMN_NAME = '{column}'"
    ))
}

#[test]
fn a_stream_of_mysql_gets_exactly_its_types_where_they_are_known() {
    for (mode, count) in CASES {
        let db = Database::new();
        let (mut host, _) = db.start(&json!({"mode": mode, "key": ["id"]}));
        let all = native();
        let mut fields = vec![json!({"name": "id", "type": "int32", "source_type": "int(11)"})];
        let mut data = json!({"id": 1});
        for (at, (kind, source, _, value, _)) in all.iter().enumerate() {
            let name = format!("c{at}");
            fields.push(json!({"name": name, "type": kind, "source_type": source}));
            data[&name] = value.clone();
        }
        let schema = json!({"@schema": {"stream": "s", "system": "mysql", "fields": fields}});
        host.send_json(&schema).unwrap();
        rows(count, &json!({"data": data, "metadata": {"stream": "s"}}), &mut host);
        let committed = commit(&mut host, 1);
        assert_eq!(committed["@committed"]["rejected"], Value::Null, "{committed}");
        finish(host);
        for (at, (_, source, column, _, text)) in all.iter().enumerate() {
            assert_eq!(column_type(&db, &format!("c{at}")), *column, "{source}");
            let name = shown(&format!("c{at}"), column);
            let sql = format!("SELECT DISTINCT coalesce({name}, 'NULL') FROM s");
            assert_eq!(db.sql(&sql), *text, "{mode} {count} {source}");
        }
        let made = db.sql("SHOW CREATE TABLE s");
        assert!(made.contains("json_valid"), "{made}");
        assert!(!made.to_lowercase().contains("on update"), "{made}");
    }
}

#[test]
fn the_types_of_another_system_are_not_taken_by_name() {
    let db = Database::new();
    let (mut host, _) = db.start(&json!({}));
    let fields = json!([{"name": "a", "type": "int64", "source_type": "int"}]);
    let schema = json!({"@schema": {"stream": "s", "system": "postgresql", "fields": fields}});
    host.send_json(&schema).unwrap();
    host.send_json(&json!({"data": {"a": 1}, "metadata": {"stream": "s"}})).unwrap();
    commit(&mut host, 1);
    finish(host);
    assert_eq!(column_type(&db, "a"), "bigint(20)");
}
