//! Values of every type that a copy has to carry without loss, odd ones first.

use fastrand::Rng;

/// What both databases need before the tables.
pub const PREAMBLE: &str = "CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);";

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the types")]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Money10,
    Text,
    Varchar,
    Char,
    Long,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Ints,
    Texts,
    Range,
    Inet,
    Bits,
    Mood,
    Positive,
    Hstore,
}

use Kind::*;

const ALL: [Kind; 29] = [
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Money10,
    Text,
    Varchar,
    Char,
    Long,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Ints,
    Texts,
    Range,
    Inet,
    Bits,
    Mood,
    Positive,
    Hstore,
];

impl Kind {
    /// One of them.
    pub fn any(rng: &mut Rng) -> Self {
        ALL[rng.usize(..ALL.len())]
    }

    /// The type's name in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Bool => "boolean",
            Int2 => "smallint",
            Int4 => "integer",
            Int8 => "bigint",
            Float4 => "real",
            Float8 => "double precision",
            Numeric => "numeric",
            Money10 => "numeric(10,3)",
            Text | Long => "text",
            Varchar => "varchar(40)",
            Char => "char(6)",
            Bytea => "bytea",
            Date => "date",
            Time => "time",
            Timestamp => "timestamp",
            Timestamptz => "timestamptz",
            Interval => "interval",
            Uuid => "uuid",
            Json => "json",
            Jsonb => "jsonb",
            Ints => "integer[]",
            Texts => "text[]",
            Range => "int4range",
            Inet => "inet",
            Bits => "bit varying(9)",
            Mood => "mood",
            Positive => "positive",
            Hstore => "hstore",
        }
    }

    /// A value for a key: never null, out of few.
    pub fn key(self, rng: &mut Rng) -> String {
        let n = rng.u32(..40);
        match self {
            Int8 => format!("{}", i64::from(n) - 20 + 9_007_199_254_740_980),
            Uuid => format!("'00000000-0000-4000-8000-0000000000{n:02x}'"),
            Text => quoted(["a", "B", "é", "a b", "A'", "\u{1f600}", "zz", "_"][n as usize % 8], n),
            _ => (i64::from(n) - 20).to_string(),
        }
    }

    /// A value as an SQL literal; `NULL` now and then.
    pub fn literal(self, rng: &mut Rng) -> String {
        if rng.u8(..) < 30 {
            return "NULL".into();
        }
        let one = |rng: &mut Rng, list: &[&str]| list[rng.usize(..list.len())].to_owned();
        match self {
            Bool => one(rng, &["true", "false"]),
            Int2 => one(rng, &["0", "-32768", "32767"]),
            Int4 => one(rng, &["0", "-2147483648", "2147483647", "17"]),
            Int8 => {
                one(rng, &["0", "-9223372036854775808", "9223372036854775807", "9007199254740993"])
            }
            Float4 => one(rng, &["'NaN'", "'-Infinity'", "0.1", "3.4e38", "'-0'"]),
            Float8 => one(rng, &["'NaN'", "'Infinity'", "0.1", "1e-300", "123456789.987654321"]),
            Numeric => {
                one(rng, &["'NaN'", "0", "1.50", "-12345678901234567890.000000000000000001"])
            }
            Money10 => one(rng, &["0", "1234567.125", "-0.001"]),
            Text => one(rng, TEXTS),
            Varchar => one(rng, &["''", "'varying'", "'tab\there'"]),
            Char => one(rng, &["'abc'", "''", "'sixsix'"]),
            // Large enough to be stored apart, so that an update of others leaves it unsent.
            Long => format!(
                "(SELECT string_agg(md5(i::text || '{}'), '') FROM generate_series(1, 400) i)",
                rng.u16(..)
            ),
            Bytea => one(rng, &[r"'\x'", r"'\x00ff5c0a09'", r"'\xdeadbeef'"]),
            Date => one(rng, &["'2024-02-29'", "'infinity'", "'0044-03-15 BC'", "'12024-01-01'"]),
            Time => one(rng, &["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"]),
            Timestamp => one(
                rng,
                &["'2024-02-29 12:00:00.123456'", "'-infinity'", "'0001-01-01 00:00:00 BC'"],
            ),
            Timestamptz => {
                one(rng, &["'2024-02-29 12:00:00.5+05:45'", "'infinity'", "'1999-12-31 23:59:59Z'"])
            }
            Interval => {
                one(rng, &["'1 year 2 mons -3 days 04:05:06.789'", "'0'", "'-1 day +02:00'"])
            }
            Uuid => one(rng, &["'11111111-2222-4333-8444-555555555555'"]),
            Json => one(
                rng,
                &[
                    "'{\"a\": [1, 2.50, null], \"b\": \"x\\n\\u00e9\"}'",
                    "'false'",
                    "'\"text\"'",
                    "'1e400'",
                ],
            ),
            Jsonb => one(rng, &["'{\"b\": 1, \"a\": {\"c\": [true]}}'", "'[]'", "'1.10'"]),
            Ints => one(rng, &["'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'"]),
            Texts => one(
                rng,
                &["'{}'", r#"'{"a,b","q\"uote",NULL,"NULL",""}'"#, r#"'{"{x}","back\\slash"}'"#],
            ),
            Range => one(rng, &["'[1,10)'", "'empty'", "'(,5)'"]),
            Inet => one(rng, &["'10.0.0.1'", "'2001:db8::/32'"]),
            Bits => one(rng, &["B'101'", "B''"]),
            Mood => one(rng, &["'sad'", "'very happy'"]),
            Positive => one(rng, &["1", "0.0000001"]),
            Hstore => one(rng, &[r#"'a=>1, "b c"=>NULL'"#, "''"]),
        }
    }
}

const TEXTS: &[&str] = &[
    "''",
    "'plain'",
    r"E'tab\t newline\n return\r backslash\\ quote'' null\\N'",
    r#"'{"json": "like"}'"#,
    "'\u{1f600} ünïcode \u{2028}'",
    r"E'\x01\x1f\x7f'",
    r"'\.'",
];

fn quoted(text: &str, n: u32) -> String {
    format!("'{}{}'", text.replace('\'', "''"), n / 8)
}
