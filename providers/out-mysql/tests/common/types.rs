//! Values of every type, and how MariaDB shows them.

use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{Value, json};

pub fn types() -> Vec<Case> {
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
        ("string", "longtext", vec![(json!("b\\d'\"é😀 `%_"), "b\\d'\"é😀 `%_"), (json!(""), "")]),
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
                (json!({"a": [1, null, "x\n\\"]}), r#"{"a":[1,null,"x\n\\"]}"#),
                (json!("text"), "\"text\""),
            ],
        ),
        ("array", "longtext", vec![(json!([1, [2]]), "[1,[2]]")]),
        ("enum", "longtext", vec![(json!("happy"), "happy")]),
    ]
}

/// The same by `source_type`, from a MySQL or MariaDB.
pub fn native() -> Vec<Native> {
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
        ("timestamptz", "timestamp", "timestamp", Value::Null, "<null>"),
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
