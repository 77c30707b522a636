//! Values of every type, and how SQL Server shows them.

use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{Value, json};

pub fn types() -> Vec<Case> {
    let long = "123456789012345678901234567890.123456789012345678901234567890123456789";
    vec![
        ("bool", "bit", vec![(json!(true), "1"), (json!(false), "0")]),
        ("int16", "smallint", vec![(json!(-32768), "-32768")]),
        ("int32", "int", vec![(json!(2147483647), "2147483647")]),
        (
            "int64",
            "bigint",
            vec![(json!("-9223372036854775808"), "-9223372036854775808"), (json!(7), "7")],
        ),
        ("uint64", "decimal(20,0)", vec![(json!("18446744073709551615"), "18446744073709551615")]),
        ("decimal(18,4)", "decimal(18,4)", vec![(json!("12.5000"), "12.5000")]),
        (
            "decimal(38,10)",
            "decimal(38,10)",
            vec![(
                json!("-1234567890123456789012345678.0000000001"),
                "-1234567890123456789012345678.0000000001",
            )],
        ),
        ("decimal", "nvarchar(max)", vec![(json!(long), long), (json!("NaN"), "NaN")]),
        (
            "string",
            "nvarchar(max)",
            vec![(json!("b\\d'\"é😀 `%_[]"), "b\\d'\"é😀 `%_[]"), (json!(""), "")],
        ),
        ("bytes", "varbinary(max)", vec![(json!("AP8n"), "00FF27"), (json!(""), "")]),
        (
            "date",
            "date",
            vec![(json!("2026-03-01"), "2026-03-01"), (json!("0001-01-01"), "0001-01-01")],
        ),
        (
            "time",
            "time(7)",
            vec![
                (json!("12:30:00.5"), "12:30:00.5000000"),
                (json!("23:59:59.1234567"), "23:59:59.1234567"),
            ],
        ),
        (
            "timestamp",
            "datetime2(7)",
            vec![(json!("2026-03-01T12:30:00.1234567"), "2026-03-01 12:30:00.1234567")],
        ),
        (
            "timestamptz",
            "datetimeoffset(7)",
            vec![
                (json!("2026-03-01T12:30:00Z"), "2026-03-01 12:30:00.0000000 +00:00"),
                (json!("2026-03-01T14:30:00.5+02:00"), "2026-03-01 14:30:00.5000000 +02:00"),
            ],
        ),
        (
            "uuid",
            "uniqueidentifier",
            vec![(
                json!("5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11"),
                "5E0A1C0E-6F0F-4D57-9F43-0F6F2F4F9B11",
            )],
        ),
        (
            "json",
            "nvarchar(max)",
            vec![
                (json!({"a": [1, null, "x\n\\"]}), r#"{"a":[1,null,"x\n\\"]}"#),
                (json!("text"), "\"text\""),
            ],
        ),
        ("array", "nvarchar(max)", vec![(json!([1, [2]]), "[1,[2]]")]),
        ("enum", "nvarchar(max)", vec![(json!("happy"), "happy")]),
    ]
}

/// The same by `source_type`, from a SQL Server.
pub fn native() -> Vec<Native> {
    vec![
        ("string", "nvarchar(5)", "nvarchar(5)", json!("abc"), "abc"),
        ("string", "varchar(5)", "nvarchar(5)", json!("é😀"), "é😀"),
        ("string", "char(3)", "nchar(3)", json!("abc"), "abc"),
        ("string", "varchar(max)", "nvarchar(max)", json!("x"), "x"),
        ("int16", "tinyint", "tinyint", json!(255), "255"),
        (
            "decimal(19,4)",
            "money",
            "money",
            json!("-922337203685477.5808"),
            "-922337203685477.5808",
        ),
        ("decimal(10,4)", "smallmoney", "smallmoney", json!("214748.3647"), "214748.3647"),
        ("decimal(5,2)", "numeric(5,2)", "decimal(5,2)", json!("1.50"), "1.50"),
        (
            "timestamp",
            "datetime",
            "datetime",
            json!("2026-03-01T12:30:00.123"),
            "2026-03-01 12:30:00.123",
        ),
        (
            "timestamp",
            "datetime2(3)",
            "datetime2(3)",
            json!("2026-03-01T12:30:00.123"),
            "2026-03-01 12:30:00.123",
        ),
        ("time", "time(0)", "time(0)", json!("12:30:01"), "12:30:01"),
        (
            "timestamptz",
            "datetimeoffset(7)",
            "datetimeoffset(7)",
            json!("2026-03-01T14:30:00.5000000+02:00"),
            "2026-03-01 14:30:00.5000000 +02:00",
        ),
        ("timestamptz", "datetimeoffset(7)", "datetimeoffset(7)", Value::Null, "<null>"),
        ("bytes", "binary(4)", "binary(4)", json!("AAEAAA=="), "00010000"),
        ("bytes", "varbinary(9)", "varbinary(9)", json!("/wA="), "FF00"),
        ("bytes", "timestamp", "binary(8)", json!("AAAAAAAAB9E="), "00000000000007D1"),
        ("string", "xml", "xml", json!("<a>1</a>"), "<a>1</a>"),
        ("string", "varchar(8000)", "nvarchar(max)", json!("x"), "x"),
        ("string", "no_such_type", "nvarchar(max)", json!("x"), "x"),
        ("string", "int); DROP TABLE s; -- ", "nvarchar(max)", json!("x"), "x"),
    ]
}
