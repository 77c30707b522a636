//! Every type, out of the snapshot and out of the log: the same JSON, and the right one.

// Servers are started by programs of Unix.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use common::{config, database, on, read, server};
use dstream_servers::Mariadb;
use serde_json::{Value, json};

/// Column, values to write, and what they are in JSON.
const TYPES: &[(&str, &[(&str, &str)])] = &[
    ("tinyint(1)", &[("1", "1"), ("-128", "-128")]),
    ("tinyint unsigned", &[("255", "255")]),
    ("smallint", &[("-32768", "-32768")]),
    ("mediumint", &[("-8388608", "-8388608")]),
    ("mediumint unsigned", &[("16777215", "16777215")]),
    ("int unsigned", &[("4294967295", "4294967295")]),
    (
        "bigint",
        &[
            ("-9223372036854775808", "\"-9223372036854775808\""),
            ("9007199254740992", "9007199254740992"),
        ],
    ),
    ("bigint unsigned", &[("18446744073709551615", "\"18446744073709551615\""), ("0", "0")]),
    ("float", &[("16777216", "16777216.0"), ("0.1", "0.1"), ("-3.4e38", "-3.4e38")]),
    (
        "double",
        &[("0.1", "0.1"), ("1e300", "1e300"), ("123456789.123456789", "123456789.12345679")],
    ),
    (
        "decimal(30,10)",
        &[
            ("12345678901234567890.0123456789", "\"12345678901234567890.0123456789\""),
            ("-0.5", "\"-0.5000000000\""),
        ],
    ),
    ("decimal(5,0)", &[("-7", "\"-7\"")]),
    ("bit(1)", &[("1", "true"), ("0", "false")]),
    ("bit(10)", &[("513", "513")]),
    ("bit(64)", &[("18446744073709551615", "\"18446744073709551615\"")]),
    ("year", &[("1901", "1901"), ("2155", "2155"), ("0", "0")]),
    (
        "date",
        &[
            ("'2024-02-29'", "\"2024-02-29\""),
            ("'0000-00-00'", "\"0000-00-00\""),
            ("'2024-00-15'", "\"2024-00-15\""),
        ],
    ),
    (
        "datetime",
        &[
            ("'9999-12-31 23:59:59'", "\"9999-12-31T23:59:59\""),
            ("'0000-00-00'", "\"0000-00-00T00:00:00\""),
        ],
    ),
    ("datetime(6)", &[("'2024-01-01 10:20:30.000001'", "\"2024-01-01T10:20:30.000001\"")]),
    ("datetime(2)", &[("'2024-01-01 10:20:30.05'", "\"2024-01-01T10:20:30.05\"")]),
    ("time(4)", &[("'10:20:30.0012'", "\"10:20:30.0012\"")]),
    ("datetime(3)", &[("'2024-01-01 10:20:30.120'", "\"2024-01-01T10:20:30.120\"")]),
    (
        "timestamp null",
        &[
            ("'2024-06-01 12:00:00'", "\"2024-06-01T12:00:00Z\""),
            ("'0000-00-00'", "\"0000-00-00T00:00:00Z\""),
        ],
    ),
    ("timestamp(5) null", &[("'2038-01-19 03:14:07.12345'", "\"2038-01-19T03:14:07.12345Z\"")]),
    (
        "time",
        &[
            ("'-838:59:59'", "\"-838:59:59\""),
            ("'25:00:00'", "\"25:00:00\""),
            ("'00:00:01'", "\"00:00:01\""),
        ],
    ),
    (
        "time(6)",
        &[
            ("'-00:00:00.000001'", "\"-00:00:00.000001\""),
            ("'838:59:58.999999'", "\"838:59:58.999999\""),
        ],
    ),
    ("time(1)", &[("'-01:02:03.4'", "\"-01:02:03.4\"")]),
    ("enum('a','b\"c','é')", &[("'b\"c'", "\"b\\\"c\""), ("'é'", "\"é\"")]),
    ("set('x','y','z')", &[("'z,x'", "\"x,z\""), ("''", "\"\"")]),
    ("char(10)", &[("'ab'", "\"ab\""), ("''", "\"\"")]),
    ("char(100)", &[("'é😀'", "\"é😀\"")]),
    ("varchar(10)", &[("'a\\n\"\\\\'", "\"a\\n\\\"\\\\\"")]),
    ("varchar(1000) character set latin1", &[("'é€ü'", "\"é€ü\"")]),
    ("varchar(50) character set cp1251", &[("'Привет'", "\"Привет\"")]),
    ("varchar(50) character set ucs2", &[("'aé€'", "\"aé€\"")]),
    ("varchar(50) character set utf32", &[("'a😀'", "\"a😀\"")]),
    ("varchar(50) character set sjis", &[("'日本'", "\"日本\"")]),
    ("varchar(50) character set gbk", &[("'你好'", "\"你好\"")]),
    ("enum('ä','ö') character set latin1", &[("'ö'", "\"ö\"")]),
    ("text", &[("REPEAT('x', 300)", "300")]),
    ("longtext character set latin1", &[("'ß'", "\"ß\"")]),
    ("binary(4)", &[("X'0001'", "\"AAEAAA==\""), ("X'00000000'", "\"AAAAAA==\"")]),
    ("varbinary(300)", &[("X'00FF00'", "\"AP8A\""), ("''", "\"\"")]),
    ("blob", &[("X'DEADBEEF'", "\"3q2+7w==\"")]),
    ("json", &[("'{\"a\":\\n [1, null]}'", "{\"a\":  [1, null]}"), ("'\"s\"'", "\"s\"")]),
    (
        "uuid",
        &[
            ("'123e4567-e89b-12d3-a456-426655440000'", "\"123e4567-e89b-12d3-a456-426655440000\""),
            ("'01890a5d-ac96-774b-bcce-b302099a8057'", "\"01890a5d-ac96-774b-bcce-b302099a8057\""),
            ("'00000000-0000-0000-0000-000000000000'", "\"00000000-0000-0000-0000-000000000000\""),
            ("'ffffffff-ffff-4fff-bfff-ffffffffff00'", "\"ffffffff-ffff-4fff-bfff-ffffffffff00\""),
        ],
    ),
    (
        "inet6",
        &[
            ("'2001:db8::ff00:42:8329'", "\"2001:db8::ff00:42:8329\""),
            ("'::1'", "\"::1\""),
            ("'::ffff:1.2.3.4'", "\"::ffff:1.2.3.4\""),
            ("'::1.2.3.4'", "\"::1.2.3.4\""),
        ],
    ),
    ("inet4", &[("'10.0.0.0'", "\"10.0.0.0\"")]),
    (
        "point",
        &[(
            "ST_GeomFromText('POINT(1 2)', 4326)",
            "\"0101000020E6100000000000000000F03F0000000000000040\"",
        )],
    ),
    ("varchar(500) compressed", &[("REPEAT('é', 400)", "400"), ("'a'", "\"a\"")]),
    ("blob compressed", &[("X'00FF'", "\"AP8=\"")]),
];

/// A table for each type.
fn tables(db: &str) {
    for (at, (kind, _)) in TYPES.iter().enumerate() {
        server().sql(db, &format!("CREATE TABLE t{at:02} (id int PRIMARY KEY, v {kind})"));
    }
}

/// Fills them; what each row is to be shown as.
fn values(db: &str) -> Vec<String> {
    let server = server();
    let mut wanted = Vec::new();
    for (at, (kind, values)) in TYPES.iter().enumerate() {
        for (id, (value, json)) in values.iter().enumerate() {
            server.sql(
                db,
                &format!("SET sql_mode = ''; INSERT INTO t{at:02} VALUES ({id}, {value})"),
            );
            wanted.push(format!("{kind} {value}: {json}"));
        }
        server.sql(db, &format!("INSERT INTO t{at:02} VALUES (99, NULL)"));
        wanted.push(format!("{kind}: null"));
    }
    wanted
}

/// Each row as the constant above has it; a long text as its length.
fn shown(sent: &common::Sent) -> Vec<String> {
    let mut rows: Vec<_> = sent.rows.iter().collect();
    rows.sort_by_key(|row| {
        (row["metadata"]["stream"].as_str().unwrap().to_owned(), row["data"]["id"].as_u64())
    });
    rows.into_iter()
        .map(|row| {
            let stream = row["metadata"]["stream"].as_str().unwrap();
            let (kind, values) = TYPES[stream[stream.len() - 2..].parse::<usize>().unwrap()];
            let value = &row["data"]["v"];
            let id = usize::try_from(row["data"]["id"].as_u64().unwrap()).unwrap();
            let Some((written, wanted)) = values.get(id) else { return format!("{kind}: {value}") };
            let same = match value.as_str() {
                Some(text) if text.chars().count() > 256 => {
                    wanted == &text.chars().count().to_string()
                }
                _ => serde_json::from_str::<Value>(wanted).unwrap() == *value,
            };
            let shown = if same { (*wanted).to_owned() } else { value.to_string() };
            format!("{kind} {written}: {shown}")
        })
        .collect()
}

fn compare(db: &str) {
    let config = config(db, json!({}));
    // Tables that came later would be read whole, and nothing out of the log.
    tables(db);
    let before = read(&config, &BTreeMap::new());
    assert!(before.ended, "{:?}", before.error);
    let wanted = values(db);
    let log = read(&config, &before.states);
    assert!(log.ended, "{:?}", log.error);
    assert!(log.ops().iter().all(|op| *op == "insert"), "{:?}", log.ops());
    assert_eq!(shown(&log), wanted, "out of the log");
    let snapshot = read(&config, &BTreeMap::new());
    assert!(snapshot.ended, "{:?}", snapshot.error);
    assert!(snapshot.ops().iter().all(|op| *op == "read"), "{:?}", snapshot.ops());
    assert_eq!(shown(&snapshot), wanted, "out of the snapshot");
    let key = |schema: &&Value| schema["stream"].to_string();
    let mut log_schemas: Vec<_> = log.schemas.iter().collect();
    log_schemas.sort_by_key(key);
    let mut schemas: Vec<_> = snapshot.schemas.iter().collect();
    schemas.sort_by_key(key);
    assert_eq!(log_schemas, schemas, "both announce the same columns");
}

#[test]
fn every_type_is_exact_and_the_same_from_the_snapshot_and_from_the_log() {
    compare(&database("types"));
}

#[test]
fn without_full_metadata_the_catalog_says_what_the_log_leaves_out() {
    for metadata in ["MINIMAL", "NO_LOG"] {
        let db = database(&format!("types_{metadata}"));
        let server = server();
        server.sql("", &format!("SET GLOBAL binlog_row_metadata = '{metadata}'"));
        compare(&db);
    }
    server().sql("", "SET GLOBAL binlog_row_metadata = 'FULL'");
}

/// The forms from before MySQL 5.6, which tables of that age keep.
#[test]
fn times_in_their_old_forms_are_read_too() {
    let server = Mariadb::start(&["--mysql56-temporal-format=0"]);
    server.create_database("d");
    server.sql("d", "CREATE TABLE t (id int PRIMARY KEY, t time, d datetime, s timestamp NULL)");
    let config = on(&server, "d", json!({}));
    let states = read(&config, &BTreeMap::new()).states;
    server.sql(
        "d",
        "SET time_zone = '+00:00', sql_mode = ''; INSERT INTO t VALUES \
         (1, '-838:59:58', '9999-12-31 23:59:58', '2024-06-01 12:00:01'), \
         (2, '25:00:01', '0000-00-00', '0000-00-00'), (3, NULL, NULL, NULL)",
    );
    let log = read(&config, &states);
    let wanted = [
        &json!({"id": 1, "t": "-838:59:58", "d": "9999-12-31T23:59:58", "s": "2024-06-01T12:00:01Z"}),
        &json!({"id": 2, "t": "25:00:01", "d": "0000-00-00T00:00:00", "s": "0000-00-00T00:00:00Z"}),
        &json!({"id": 3, "t": null, "d": null, "s": null}),
    ];
    assert_eq!(log.data(), wanted, "{:?}", log.error);
    assert_eq!(read(&config, &BTreeMap::new()).data(), wanted, "out of the snapshot");
}

#[test]
fn a_computed_column_is_part_of_neither_and_a_stored_one_of_both() {
    let db = database("computed");
    let server = server();
    server.sql(
        &db,
        "CREATE TABLE t (a int AS (id * 2) VIRTUAL, id int PRIMARY KEY, b int AS (id * 3) STORED, c int)",
    );
    let config = config(&db, json!({}));
    let states = read(&config, &BTreeMap::new()).states;
    server.sql(&db, "INSERT INTO t (id, c) VALUES (1, 7)");
    let (log, snapshot) = (read(&config, &states), read(&config, &BTreeMap::new()));
    assert_eq!(log.data(), [&json!({"id": 1, "b": 3, "c": 7})], "{:?}", log.error);
    assert_eq!(snapshot.data(), log.data());
    let names = |sent: &common::Sent| -> Vec<String> {
        let fields = sent.schemas[0]["fields"].as_array().unwrap().iter();
        fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names(&log), names(&snapshot)),
        (vec!["id".into(), "b".into(), "c".into()], names(&log))
    );
}
