//! Every type, from the snapshot and from the stream, the same.

use dstream_testkit::serde_json::{Value, json};

use crate::support::Db;

/// Column, type, literal, JSON, type in the schema, the server's name of it.
fn cases() -> Vec<(&'static str, &'static str, Value, &'static str, &'static str)> {
    vec![
        ("bool", "true", json!(true), "bool", "boolean"),
        ("int2", "-32768", json!(-32768), "int16", "smallint"),
        ("int4", "2147483647", json!(2147483647), "int32", "integer"),
        ("int8", "9007199254740992", json!(9007199254740992i64), "int64", "bigint"),
        ("int8", "9223372036854775807", json!("9223372036854775807"), "int64", "bigint"),
        ("oid", "4294967295", json!(4294967295u32), "int64", "oid"),
        ("float4", "0.1", json!(0.1), "float32", "real"),
        ("float8", "'NaN'", json!("NaN"), "float64", "double precision"),
        ("float8", "'-Infinity'", json!("-Infinity"), "float64", "double precision"),
        ("float8", "1e300", json!(1e300), "float64", "double precision"),
        (
            "numeric",
            "'123456789012345678901234567890.0123456789'",
            json!("123456789012345678901234567890.0123456789"),
            "decimal",
            "numeric",
        ),
        ("numeric(12,4)", "'19.9'", json!("19.9000"), "decimal(12,4)", "numeric(12,4)"),
        ("numeric(3,-2)", "'12345'", json!("12300"), "decimal(5,0)", "numeric(3,-2)"),
        ("numeric", "'NaN'", json!("NaN"), "decimal", "numeric"),
        ("numeric", "'Infinity'", json!("Infinity"), "decimal", "numeric"),
        (
            "text",
            "E'tab\\t \"quotes\" back\\\\slash\\nline é €😀 \\x01'",
            json!("tab\t \"quotes\" back\\slash\nline é €😀 \u{1}"),
            "string",
            "text",
        ),
        ("text", "''", json!(""), "string", "text"),
        ("text", "'\\N'", json!("\\N"), "string", "text"),
        ("text", "NULL", json!(null), "string", "text"),
        ("varchar(20)", "'x'", json!("x"), "string", "character varying(20)"),
        ("char(4)", "'ab'", json!("ab  "), "string", "character(4)"),
        (
            "uuid",
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            "uuid",
            "uuid",
        ),
        ("bytea", "'\\x00ff10'", json!("AP8Q"), "bytes", "bytea"),
        ("json", "E'{\"a\":\\n 1.0, \"a\": \"\\\\\\\\n\"}'", json!({"a": "\\n"}), "json", "json"),
        ("jsonb", "'{\"b\": [1, null, \"x\"]}'", json!({"b": [1, null, "x"]}), "json", "jsonb"),
        ("jsonb", "'null'", json!(null), "json", "jsonb"),
        ("date", "'2024-05-01'", json!("2024-05-01"), "date", "date"),
        ("date", "'infinity'", json!("infinity"), "date", "date"),
        ("date", "'0044-03-15 BC'", json!("0044-03-15 BC"), "date", "date"),
        ("time", "'10:20:30.5'", json!("10:20:30.5"), "time", "time without time zone"),
        ("timetz", "'10:20:30+02'", json!("10:20:30+02"), "string", "time with time zone"),
        (
            "timestamp",
            "'2024-05-01 10:20:30.123456'",
            json!("2024-05-01T10:20:30.123456"),
            "timestamp",
            "timestamp without time zone",
        ),
        (
            "timestamp(3)",
            "'-infinity'",
            json!("-infinity"),
            "timestamp",
            "timestamp(3) without time zone",
        ),
        (
            "timestamptz",
            "'2024-05-01 10:20:30+02'",
            json!("2024-05-01T08:20:30Z"),
            "timestamptz",
            "timestamp with time zone",
        ),
        (
            "timestamptz",
            "'12024-05-01 10:20:30+00'",
            json!("12024-05-01 10:20:30+00"),
            "timestamptz",
            "timestamp with time zone",
        ),
        ("interval", "'1 year 2 days 03:04:05'", json!("P1Y2DT3H4M5S"), "string", "interval"),
        ("money", "12.5", json!("$12.50"), "string", "money"),
        ("inet", "'10.0.0.1'", json!("10.0.0.1"), "string", "inet"),
        ("bit(3)", "B'101'", json!("101"), "string", "bit(3)"),
        ("xml", "'<a>\"</a>'", json!("<a>\"</a>"), "string", "xml"),
        ("tsvector", "'a b'", json!("'a' 'b'"), "string", "tsvector"),
        ("int4range", "'[1,5)'", json!("[1,5)"), "string", "int4range"),
        ("int4multirange", "'{[1,3),[5,7)}'", json!("{[1,3),[5,7)}"), "string", "int4multirange"),
        ("point", "'(1,2)'", json!("(1,2)"), "string", "point"),
        ("public.mood", "'so \"so\"'", json!("so \"so\""), "enum", "public.mood"),
        ("public.amount", "'7.5'", json!("7.50"), "decimal(8,2)", "numeric(8,2)"),
        ("public.pair", "'(1,\"a b\")'", json!("(1,\"a b\")"), "string", "public.pair"),
        (
            "public.hstore",
            "'a=>1,b=>NULL'",
            json!("\"a\"=>\"1\", \"b\"=>NULL"),
            "string",
            "public.hstore",
        ),
        ("public.citext", "'ABC'", json!("ABC"), "string", "public.citext"),
        ("int4[]", "'{1,NULL,3}'", json!([1, null, 3]), "array", "integer[]"),
        ("int4[]", "'{{1,2},{3,4}}'", json!([[1, 2], [3, 4]]), "array", "integer[]"),
        ("int4[]", "'{}'", json!([]), "array", "integer[]"),
        ("int4[]", "'[0:1]={1,2}'", json!("[0:1]={1,2}"), "array", "integer[]"),
        (
            "text[]",
            "ARRAY['a,b', 'say \"hi\"', NULL, 'NULL', E'back\\\\slash']",
            json!(["a,b", "say \"hi\"", null, "NULL", "back\\slash"]),
            "array",
            "text[]",
        ),
        (
            "timestamptz[]",
            "ARRAY['2024-05-01 10:20:30+02'::timestamptz]",
            json!(["2024-05-01T08:20:30Z"]),
            "array",
            "timestamp with time zone[]",
        ),
        ("jsonb[]", "ARRAY['{\"a\": 1}'::jsonb]", json!([{"a": 1}]), "array", "jsonb[]"),
        ("public.mood[]", "'{ok}'", json!(["ok"]), "array", "public.mood[]"),
        ("public.amount[]", "'{1.5}'", json!(["1.50"]), "array", "public.amount[]"),
        ("int8", "-9223372036854775808", json!("-9223372036854775808"), "int64", "bigint"),
        ("numeric", "'-Infinity'", json!("-Infinity"), "decimal", "numeric"),
        ("numeric", "repeat('9', 2000)::numeric", json!("9".repeat(2000)), "decimal", "numeric"),
        ("float4", "'Infinity'", json!("Infinity"), "float32", "real"),
        ("timestamptz", "'infinity'", json!("infinity"), "timestamptz", "timestamp with time zone"),
        (
            "timestamptz",
            "'0001-12-31 23:59:59+00 BC'",
            json!("0001-12-31 23:59:59+00 BC"),
            "timestamptz",
            "timestamp with time zone",
        ),
        ("int4range", "'empty'", json!("empty"), "string", "int4range"),
        (
            "tstzrange",
            "'[2024-05-01 10:00+02,)'",
            json!("[\"2024-05-01 08:00:00+00\",)"),
            "string",
            "tstzrange",
        ),
        ("int4range[]", "ARRAY['[1,3)'::int4range]", json!(["[1,3)"]), "array", "int4range[]"),
        (
            "int4[]",
            "'{{{1},{2}},{{3},{NULL}}}'",
            json!([[[1], [2]], [[3], [null]]]),
            "array",
            "integer[]",
        ),
        (
            "numeric[]",
            "'{NaN,-Infinity,1.50}'",
            json!(["NaN", "-Infinity", "1.50"]),
            "array",
            "numeric[]",
        ),
        ("bytea[]", "ARRAY['\\x00ff'::bytea]", json!(["AP8="]), "array", "bytea[]"),
    ]
}

#[test]
fn every_type_comes_the_same_from_the_snapshot_and_from_the_stream() {
    let db = Db::new("types");
    db.sql("CREATE EXTENSION hstore");
    db.sql("CREATE EXTENSION citext");
    db.sql("CREATE TYPE mood AS ENUM ('ok', 'so \"so\"')");
    db.sql("CREATE DOMAIN amount AS numeric(8,2) CHECK (value > 0)");
    db.sql("CREATE TYPE pair AS (a int, b text)");
    let cases = cases();
    let columns: Vec<String> =
        cases.iter().enumerate().map(|(i, case)| format!("c{i} {}", case.0)).collect();
    db.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, {}, twice int GENERATED ALWAYS AS (id * 2) STORED)",
        columns.join(", ")
    ));
    let names: Vec<String> = (0..cases.len()).map(|i| format!("c{i}")).collect();
    let literals: Vec<&str> = cases.iter().map(|case| case.1).collect();
    let insert = |id: i32| {
        format!("INSERT INTO t (id, {}) VALUES ({id}, {})", names.join(", "), literals.join(", "))
    };
    db.sql(&insert(1));
    let config = db.config(&["t"], json!({}));
    let first = db.read(&config, &Default::default());
    db.sql(&insert(2));
    let second = db.read(&config, &first.states);
    for (run, op, id) in [(&first, "read", 1), (&second, "insert", 2)] {
        assert_eq!(run.rows.len(), 1);
        let row = &run.rows[0];
        assert_eq!((&row["metadata"]["op"], &row["data"]["id"]), (&json!(op), &json!(id)));
        assert!(row["data"].get("twice").is_none(), "generated columns are not in the log");
        let schema = run.schema("public.t");
        assert_eq!(schema["system"], "postgresql");
        for (i, (kind, literal, wanted, field, source)) in cases.iter().enumerate() {
            let got = &row["data"][format!("c{i}")];
            assert_eq!(got, wanted, "{op} {kind} {literal}");
            let column = &schema["fields"][i + 1];
            assert_eq!(
                (&column["type"], &column["source_type"]),
                (&json!(field), &json!(source)),
                "{kind}"
            );
        }
    }
    assert_eq!(first.schema("public.t"), second.schema("public.t"));
    assert_eq!(first.schema("public.t")["key"], json!(["id"]));
}
