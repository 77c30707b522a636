//! The database that the tests of this output run on.

// Each file uses some of it. The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

use std::path::PathBuf;

use dstream_sql_testkit::types::Case;
use dstream_sql_testkit::{TestDatabase, Value, json, serde_json};
use rusqlite::Connection;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

/// A file in a folder of its own.
pub struct Db {
    pub folder: TempDir,
}

impl Db {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("x.db")
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        self.sql(sql).lines().map(str::to_owned).collect()
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
    }
}

impl TestDatabase for Db {
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_dstream-out-sqlite");
    const SYSTEM: &'static str = "sqlite";
    const QUOTE: char = '"';
    const GENERATED: &'static str = "CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT, a int, n int AS (a + 2) STORED, v int AS (a))";
    const NOT_UNIQUE: (&'static str, &'static str) = (
        "CREATE TABLE s (id int, a text); CREATE UNIQUE INDEX i ON s (id) WHERE a = 'x'",
        "CREATE UNIQUE INDEX … ON \"s\" (\"id\")",
    );

    /// The file is there, and empty.
    fn new() -> Self {
        let db = Self { folder: tempfile::tempdir().unwrap() };
        db.sql("PRAGMA user_version = 1");
        db
    }

    fn place(&self) -> Value {
        json!({"path": self.path()})
    }

    fn sql(&self, sql: &str) -> String {
        let db = Connection::open(self.path()).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let mut rest = rusqlite::Batch::new(&db, sql);
        let mut answer = String::new();
        while let Some(mut statement) = rest.next().unwrap() {
            let width = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                let values = (0..width).map(|at| Ok(text(row.get_ref(at)?)));
                Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
            };
            let rows: rusqlite::Result<Vec<_>> = statement.query_map([], row).unwrap().collect();
            answer = rows.unwrap().join("\n");
        }
        answer
    }

    fn table(&self, name: &str) -> String {
        name.into()
    }

    fn book(&self, name: &str) -> String {
        name.into()
    }

    fn tables(&self) -> Vec<String> {
        self.lines(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        )
    }

    fn column_type(&self, table: &str, column: &str) -> String {
        self.sql(&format!("SELECT type FROM pragma_table_info('{table}') WHERE name = '{column}'"))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.lines(&format!("SELECT name FROM pragma_table_info('{table}')"))
    }

    fn moment(&self, column: &str) -> String {
        format!("strftime('%Y-%m-%d %H:%M:%S', {column})")
    }

    fn objects(&self, table: &str, columns: &[&str]) -> Vec<Value> {
        if !self.tables().contains(&table.to_owned()) {
            return Vec::new();
        }
        let pairs: Vec<_> = columns.iter().map(|name| format!("'{name}', {name}")).collect();
        let sql =
            format!("SELECT json_group_array(json_object({})) FROM {table}", pairs.join(", "));
        serde_json::from_str(&self.sql(&sql)).unwrap()
    }

    /// Exact decimals, times and all that SQLite has no type for are texts.
    fn types() -> Vec<Case> {
        let long = "123456789012345678901234567890.123456789";
        vec![
            ("bool", "INTEGER", vec![(json!(true), "1"), (json!(false), "0")]),
            ("int16", "INTEGER", vec![(json!(-32768), "-32768")]),
            ("int32", "INTEGER", vec![(json!(2147483647), "2147483647")]),
            (
                "int64",
                "INTEGER",
                vec![(json!("-9223372036854775808"), "-9223372036854775808"), (json!(7), "7")],
            ),
            ("uint64", "INTEGER", vec![(json!("9223372036854775807"), "9223372036854775807")]),
            ("float32", "REAL", vec![(json!(1.5), "1.5")]),
            ("float64", "REAL", vec![(json!(0.1), "0.1"), (json!("-Infinity"), "-Inf")]),
            ("decimal(18,4)", "TEXT", vec![(json!("12.5000"), "12.5000")]),
            ("decimal", "TEXT", vec![(json!(long), long), (json!("NaN"), "NaN")]),
            ("string", "TEXT", vec![(json!("b\\d'\"é😀 `%_"), "b\\d'\"é😀 `%_"), (json!(""), "")]),
            ("bytes", "BLOB", vec![(json!("AP8n"), "00FF27"), (json!(""), "")]),
            ("date", "TEXT", vec![(json!("2026-03-01"), "2026-03-01")]),
            ("time", "TEXT", vec![(json!("12:30:00.5"), "12:30:00.5")]),
            ("timestamp", "TEXT", vec![(json!("2026-03-01T12:30:00.1"), "2026-03-01T12:30:00.1")]),
            ("timestamptz", "TEXT", vec![(json!("2026-03-01T12:30:00Z"), "2026-03-01T12:30:00Z")]),
            (
                "uuid",
                "TEXT",
                vec![(
                    json!("5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11"),
                    "5e0a1c0e-6f0f-4d57-9f43-0f6f2f4f9b11",
                )],
            ),
            ("json", "TEXT", vec![(json!({"a": [1, null]}), r#"{"a":[1,null]}"#)]),
            ("array", "TEXT", vec![(json!([1, [2]]), "[1,[2]]")]),
            ("enum", "TEXT", vec![(json!("happy"), "happy")]),
        ]
    }

    fn shown(column: &str, kind: &str) -> String {
        match kind {
            "BLOB" => format!("iif({column} IS NULL, NULL, hex({column}))"),
            _ => format!("cast({column} AS TEXT)"),
        }
    }

    fn refusing() -> (&'static str, Vec<(Value, &'static str)>) {
        let rows = vec![
            (json!({"id": 10001, "n": 7, "t": "a"}), "CHECK constraint failed: n < 5"),
            (json!({"id": "x", "n": 1, "t": "a"}), "datatype mismatch"),
            (json!({"id": 10003, "n": 1, "t": "four"}), "CHECK constraint failed: length(t) < 4"),
            (json!({"id": 10004, "n": 1}), "NOT NULL constraint failed: s.t"),
        ];
        let table = "CREATE TABLE s (id INTEGER PRIMARY KEY, n int CHECK (n < 5), \
             t text NOT NULL CHECK (length(t) < 4))";
        (table, rows)
    }

    fn first_version(&self) -> [String; 3] {
        [
            "CREATE TABLE IF NOT EXISTS \"_dstream_checkpoints\" ( task_id TEXT NOT NULL, output TEXT NOT NULL, input TEXT NOT NULL, part TEXT NOT NULL, epoch INTEGER NOT NULL, state TEXT, mark_epoch INTEGER, mark_id INTEGER, task TEXT NOT NULL, updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), PRIMARY KEY (task_id, output, input, part) ) STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS \"_dstream_rejected\" ( task_id TEXT NOT NULL, output TEXT NOT NULL, epoch INTEGER NOT NULL, checkpoint INTEGER NOT NULL, n INTEGER NOT NULL, rejected TEXT NOT NULL, created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), PRIMARY KEY (task_id, output, epoch, checkpoint, n) ) STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS \"_dstream_tables\" ( name TEXT NOT NULL PRIMARY KEY, task_id TEXT NOT NULL, output TEXT NOT NULL, created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')) ) STRICT",
        ]
        .map(String::from)
    }

    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)> {
        vec![
            (json!({"path": ""}), "path", "give a file"),
            (json!({"busy_timeout": "soon"}), "busy_timeout", "such as \"5s\""),
            (json!({"journal_mode": "off"}), "journal_mode", "unknown variant `off`"),
            (json!({"table": "sqlite_x"}), "table", "reserved"),
        ]
    }
}
