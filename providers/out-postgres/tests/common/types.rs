//! Values of every type, and how PostgreSQL shows them.

use dstream_sql_testkit::json;
use dstream_sql_testkit::types::{Case, Native};

pub fn types() -> Vec<Case> {
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
pub fn native() -> Vec<Native> {
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
