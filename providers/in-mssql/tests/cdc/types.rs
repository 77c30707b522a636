//! Every type, with its extreme values: as a row that stands, as a change, and as it should be.

use dstream_testkit::serde_json::{self, Value, json};

use crate::server::{Db, States};

/// A type, and values of it: as T-SQL has them, and as JSON.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("bit", &[("0", "false"), ("1", "true")]),
    ("tinyint", &[("0", "0"), ("255", "255")]),
    ("smallint", &[("-32768", "-32768"), ("32767", "32767")]),
    ("int", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
    (
        "bigint",
        &[
            ("-9223372036854775808", "\"-9223372036854775808\""),
            ("9223372036854775807", "\"9223372036854775807\""),
            ("9007199254740993", "\"9007199254740993\""),
            ("-9007199254740992", "-9007199254740992"),
            ("0", "0"),
        ],
    ),
    (
        "decimal(38,0)",
        &[
            (
                "-99999999999999999999999999999999999999",
                "\"-99999999999999999999999999999999999999\"",
            ),
            (
                "99999999999999999999999999999999999999",
                "\"99999999999999999999999999999999999999\"",
            ),
            ("0", "\"0\""),
        ],
    ),
    (
        "decimal(38,38)",
        &[
            (
                "-0.99999999999999999999999999999999999999",
                "\"-0.99999999999999999999999999999999999999\"",
            ),
            (
                "0.00000000000000000000000000000000000001",
                "\"0.00000000000000000000000000000000000001\"",
            ),
        ],
    ),
    ("numeric(10,2)", &[("-99999999.99", "\"-99999999.99\""), ("0.1", "\"0.10\"")]),
    (
        "money",
        &[
            ("-922337203685477.5808", "\"-922337203685477.5808\""),
            ("922337203685477.5807", "\"922337203685477.5807\""),
            ("0.1", "\"0.1000\""),
        ],
    ),
    ("smallmoney", &[("-214748.3648", "\"-214748.3648\""), ("214748.3647", "\"214748.3647\"")]),
    (
        "real",
        &[
            ("-3.4028234663852886E+38", "-3.4028235e38"),
            ("1.1754943508222875E-38", "1.1754944e-38"),
            ("CAST(0.1 AS real)", "0.1"),
        ],
    ),
    (
        "float",
        &[
            ("-1.7976931348623157E+308", "-1.7976931348623157e308"),
            ("2.2250738585072014E-308", "2.2250738585072014e-308"),
            ("CAST(0.1 AS float)", "0.1"),
        ],
    ),
    ("date", &[("'0001-01-01'", "\"0001-01-01\""), ("'9999-12-31'", "\"9999-12-31\"")]),
    ("time(0)", &[("'00:00:00'", "\"00:00:00\""), ("'23:59:59'", "\"23:59:59\"")]),
    ("time(3)", &[("'12:00:00.5'", "\"12:00:00.500\"")]),
    ("time(7)", &[("'23:59:59.9999999'", "\"23:59:59.9999999\"")]),
    (
        "datetime",
        &[
            ("'1753-01-01T00:00:00.000'", "\"1753-01-01T00:00:00.000\""),
            ("'9999-12-31T23:59:59.997'", "\"9999-12-31T23:59:59.997\""),
            ("'2026-03-01T12:00:00.003'", "\"2026-03-01T12:00:00.003\""),
        ],
    ),
    (
        "smalldatetime",
        &[
            ("'1900-01-01T00:00:00'", "\"1900-01-01T00:00:00\""),
            ("'2079-06-06T23:59:00'", "\"2079-06-06T23:59:00\""),
        ],
    ),
    ("datetime2(0)", &[("'2026-03-01T12:00:01'", "\"2026-03-01T12:00:01\"")]),
    (
        "datetime2(7)",
        &[
            ("'0001-01-01T00:00:00'", "\"0001-01-01T00:00:00.0000000\""),
            ("'9999-12-31T23:59:59.9999999'", "\"9999-12-31T23:59:59.9999999\""),
        ],
    ),
    ("datetimeoffset(0)", &[("'2026-03-01T14:00:00+02:00'", "\"2026-03-01T14:00:00+02:00\"")]),
    (
        "datetimeoffset(7)",
        &[
            ("'0001-01-01T00:00:00-14:00'", "\"0001-01-01T00:00:00.0000000-14:00\""),
            ("'9999-12-31T23:59:59.9999999+14:00'", "\"9999-12-31T23:59:59.9999999+14:00\""),
            ("'2026-03-01T12:00:00.1234567+00:00'", "\"2026-03-01T12:00:00.1234567+00:00\""),
        ],
    ),
    ("char(3)", &[("'a'", "\"a  \""), ("''", "\"   \"")]),
    ("varchar(9)", &[("'é ß'", "\"é ß\""), ("''", "\"\"")]),
    ("varchar(max)", &[("'a'", "\"a\""), ("''", "\"\"")]),
    ("nchar(2)", &[("N'😀'", "\"😀\"")]),
    (
        "nvarchar(20)",
        &[
            ("N'ä€😀\"\\'", "\"ä€😀\\\"\\\\\""),
            ("NCHAR(1) + NCHAR(9) + NCHAR(13) + NCHAR(10)", "\"\\u0001\\t\\r\\n\""),
            ("N'null'", "\"null\""),
        ],
    ),
    ("nvarchar(max)", &[("N'ä'", "\"ä\""), ("N''", "\"\"")]),
    ("xml", &[("N'<a b=\"1\">ü</a>'", "\"<a b=\\\"1\\\">ü</a>\"")]),
    (
        "uniqueidentifier",
        &[
            ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "\"6f9619ff-8b86-d011-b42d-00c04fc964ff\""),
            ("'00000000-0000-0000-0000-000000000000'", "\"00000000-0000-0000-0000-000000000000\""),
        ],
    ),
    ("binary(4)", &[("0x00FF", "\"AP8AAA==\"")]),
    ("varbinary(9)", &[("0x", "\"\""), ("0x00FF", "\"AP8=\"")]),
    ("varbinary(max)", &[("0x", "\"\""), ("0x00FF", "\"AP8=\"")]),
];

/// Of these the simulator has none.
const REAL_ONLY: &[Case] = &[
    ("text", &[("'é'", "\"é\"")]),
    ("ntext", &[("N'ä€'", "\"ä€\"")]),
    ("image", &[("0x00FF", "\"AP8=\"")]),
    ("sql_variant", &[("CAST(7 AS int)", "\"7\""), ("N'ä'", "\"ä\"")]),
    ("hierarchyid", &[("'/1/2/'", "\"/1/2/\"")]),
    ("geometry", &[("geometry::STGeomFromText('POINT (1 2)', 0)", "\"POINT (1 2)\"")]),
    ("geography", &[("geography::STGeomFromText('POINT (1 2)', 4326)", "\"POINT (1 2)\"")]),
];

#[test]
fn every_value_is_the_same_in_a_row_that_stands_and_in_a_change() {
    let db = Db::new();
    let mut cases = CASES.to_vec();
    if db.is_real("types that the simulator does not have") {
        cases.extend(REAL_ONLY);
    }
    let definitions: Vec<_> =
        cases.iter().enumerate().map(|(n, (kind, _))| format!("c{n} {kind} NULL")).collect();
    db.tables(
        &format!(
            "CREATE TABLE dbo.t (id int PRIMARY KEY, v rowversion, {})",
            definitions.join(", ")
        ),
        &["t"],
    );
    let start = db.read(&db.config(json!({"snapshot": "never"})), &States::new());
    let most = cases.iter().map(|(_, values)| values.len()).max().unwrap();
    // The last row is null everywhere.
    for at in 0..=most {
        let sql =
            |values: &[(&str, &str)]| values.get(at).map_or("NULL", |(sql, _)| *sql).to_owned();
        let (columns, values): (Vec<_>, Vec<_>) =
            cases.iter().enumerate().map(|(n, (_, values))| (format!("c{n}"), sql(values))).unzip();
        db.sql(&format!(
            "INSERT dbo.t (id, {}) VALUES ({at}, {})",
            columns.join(", "),
            values.join(", ")
        ));
    }
    db.scan();
    let stands = db.read(&db.config(json!({})), &States::new());
    let changes = db.read(&db.config(json!({"snapshot": "never"})), &start.states);
    assert_eq!((stands.rows.len(), changes.rows.len()), (most + 1, most + 1));
    assert_eq!(stands.schemas, changes.schemas);
    for at in 0..=most {
        let (read, insert) = (&stands.rows[at], &changes.rows[at]);
        assert_eq!(
            (&read["metadata"]["op"], &insert["metadata"]["op"]),
            (&json!("read"), &json!("insert"))
        );
        assert_eq!(read["data"], insert["data"], "row {at}");
        let version = db.sql(&format!("SELECT CAST(v AS varbinary(8)) FROM dbo.t WHERE id = {at}"));
        assert_eq!(read["data"]["v"], version);
        for (n, (kind, values)) in cases.iter().enumerate() {
            let expected = values.get(at).map_or("null", |(_, json)| *json);
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(
                same(kind, &read["data"][format!("c{n}")]),
                same(kind, &expected),
                "{kind}, row {at}"
            );
        }
    }
    let fields = stands.schemas[0]["fields"].as_array().unwrap();
    for ((kind, _), field) in cases.iter().zip(&fields[2..]) {
        assert_eq!(field["source_type"], *kind);
    }
}

/// Floats are written with all their digits, which are another number's text.
fn same(kind: &str, value: &Value) -> Value {
    match (kind, value.as_f64()) {
        ("real", Some(number)) => json!(number as f32),
        ("float", Some(number)) => json!(number),
        _ => value.clone(),
    }
}

#[test]
fn values_of_many_packets_are_the_same_in_both() {
    let (db, start) = Db::with_table(
        "CREATE TABLE dbo.t (id int PRIMARY KEY, a varchar(max), n nvarchar(max), b varbinary(max), w char(8000))",
        "t",
    );
    db.write(
        "INSERT dbo.t VALUES (1, REPLICATE(CAST('x' AS varchar(max)), 1000000), REPLICATE(CAST(N'€' AS nvarchar(max)), 300000), \
         CAST(REPLICATE(CAST('z' AS varchar(max)), 100000) AS varbinary(max)), 'w')",
    );
    let stands = db.read(&db.config(json!({})), &States::new());
    let changes = db.read(&db.config(json!({"snapshot": "never"})), &start);
    let (read, insert) = (&stands.rows[0]["data"], &changes.rows[0]["data"]);
    assert!(read == insert, "they are not the same");
    assert!(read["a"] == "x".repeat(1_000_000) && read["n"] == "€".repeat(300_000));
    assert_eq!(read["b"].as_str().unwrap().len(), 100_000_usize.div_ceil(3) * 4);
    assert_eq!(read["w"].as_str().unwrap().len(), 8_000);
    // A change of another column has none of them.
    db.write("UPDATE dbo.t SET w = 'v'");
    let run = db.read(&db.config(json!({"snapshot": "never"})), &changes.states);
    assert_eq!(run.rows[0]["metadata"]["unchanged"], json!(["a", "n", "b"]));
    assert_eq!(run.rows[0]["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "w"]);
}
