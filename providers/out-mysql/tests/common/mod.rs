//! The database that the tests of this output run on.

// Each file uses some of it. The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod types;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dstream_servers::Mariadb;
use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{TestDatabase, TestServer, Value, json, serde_json};

/// The server of all tests of a file.
pub fn server() -> &'static Mariadb {
    static SERVER: OnceLock<Mariadb> = OnceLock::new();
    SERVER.get_or_init(|| Mariadb::start(&["--innodb-flush-log-at-trx-commit=2"]))
}

/// A database for one test, and one beside it for the bookkeeping.
pub struct Db {
    pub name: String,
}

impl Db {
    /// The database of the checkpoints.
    pub fn books(&self) -> String {
        format!("{}_books", self.name)
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        self.sql(sql).lines().map(str::to_owned).collect()
    }
}

/// A value as the client shows it: with escapes, and null as a word.
fn plain(value: &str) -> String {
    if value == "NULL" {
        return String::new();
    }
    let (mut text, mut chars) = (String::new(), value.chars());
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('0') => '\0',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
    }
    text
}

impl TestDatabase for Db {
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_dstream-out-mysql");
    const SYSTEM: &'static str = "mysql";
    const QUOTE: char = '`';
    const GENERATED: &'static str = "CREATE TABLE s (id int AUTO_INCREMENT PRIMARY KEY, a text, n int AS (a + 2) STORED, v int AS (a) VIRTUAL)";
    const NOT_UNIQUE: (&'static str, &'static str) = (
        "CREATE TABLE s (id varchar(100), a text, INDEX (id), UNIQUE (id(3)))",
        "`s` ADD UNIQUE (`id`)",
    );

    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server().create_database(&name);
        Self { name }
    }

    fn place(&self) -> Value {
        json!({"url": server().url(&self.name), "bookkeeping_database": self.books()})
    }

    fn sql(&self, sql: &str) -> String {
        let answer = server().sql(&self.name, sql);
        let row = |row: &str| row.split('\t').map(plain).collect::<Vec<_>>().join("|");
        answer.split('\n').map(row).collect::<Vec<_>>().join("\n")
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn book(&self, name: &str) -> String {
        format!("{}.{name}", self.books())
    }

    fn tables(&self) -> Vec<String> {
        self.lines(&format!(
            "SELECT concat(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA IN ('{}', '{}') ORDER BY 1",
            self.name,
            self.books()
        ))
    }

    fn column_type(&self, table: &str, column: &str) -> String {
        self.sql(&format!(
            "SELECT COLUMN_TYPE FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = database() AND TABLE_NAME = '{table}' AND COLUMN_NAME = '{column}'"
        ))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.lines(&format!(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = database() AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
        ))
    }

    fn literal(&self, text: &str) -> String {
        let hex: String = text.bytes().map(|b| format!("{b:02X}")).collect();
        format!("_utf8mb4 x'{hex}'")
    }

    fn moment(&self, column: &str) -> String {
        format!("date_format({column}, '%Y-%m-%d %H:%i:%s')")
    }

    fn objects(&self, table: &str, columns: &[&str]) -> Vec<Value> {
        if !self.tables().contains(&self.table(table)) {
            return Vec::new();
        }
        let pairs: Vec<_> = columns.iter().map(|name| format!("'{name}', {name}")).collect();
        let sql = format!(
            "SET group_concat_max_len = 1 << 20; SELECT coalesce(concat('[', group_concat( \
             json_object({})), ']'), '[]') FROM {table}",
            pairs.join(", ")
        );
        serde_json::from_str(&self.sql(&sql)).unwrap()
    }

    fn types() -> Vec<Case> {
        types::types()
    }

    fn native() -> Vec<Native> {
        types::native()
    }

    fn shown(column: &str, kind: &str) -> String {
        match kind {
            kind if kind.contains("blob") || kind.contains("binary") => format!("hex({column})"),
            kind if kind.starts_with("bit") => format!("cast({column} AS unsigned)"),
            "point" | "geometry" => format!("concat(st_srid({column}), ' ', st_astext({column}))"),
            _ => format!("cast({column} AS char)"),
        }
    }

    fn refusing() -> (&'static str, Vec<(Value, &'static str)>) {
        let rows = vec![
            (json!({"id": 10001, "n": 7, "t": "a"}), "CONSTRAINT `s.n` failed"),
            (json!({"id": "x", "n": 1, "t": "a"}), "column `id`: `x` is no integer"),
            (json!({"id": 10003, "n": 1, "t": "four"}), "Data too long for column 't'"),
            (json!({"id": 10004, "n": 1.5, "t": "a"}), "column `n`: `1.5` is no integer"),
            (json!({"id": 10005, "n": 1, "t": "a", "d": "2026-02-30"}), "Incorrect date value"),
            (json!({"id": 99999999999u64, "n": 1, "t": "a"}), "Out of range value for column 'id'"),
        ];
        ("CREATE TABLE s (id int PRIMARY KEY, n int CHECK (n < 5), t varchar(3), d date)", rows)
    }

    fn first_version(&self) -> [String; 3] {
        let books = self.books();
        let options = "ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin COMMENT = 'made by dstream'";
        [
            format!(
                "CREATE TABLE IF NOT EXISTS `{books}`.`_dstream_checkpoints` ( task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL, input VARCHAR(100) NOT NULL, part VARCHAR(468) NOT NULL, epoch BIGINT NOT NULL, state LONGTEXT, mark_epoch BIGINT, mark_id BIGINT, task LONGTEXT NOT NULL, updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (task_id, output, input, part) ) {options}"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS `{books}`.`_dstream_rejected` ( task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL, epoch BIGINT NOT NULL, checkpoint BIGINT NOT NULL, n BIGINT NOT NULL, rejected LONGTEXT NOT NULL, created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (task_id, output, epoch, checkpoint, n) ) {options}"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS `{books}`.`_dstream_tables` ( name VARCHAR(300) NOT NULL PRIMARY KEY, task_id VARCHAR(100) NOT NULL, output VARCHAR(100) NOT NULL, created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ) {options}"
            ),
        ]
    }

    fn make_schema(&self) {
        self.sql(&self.make_books());
    }

    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)> {
        vec![
            (json!({"lock_timeout": "soon"}), "lock_timeout", "such as \"5s\""),
            (json!({"takeover_timeout": "10ms"}), "takeover_timeout", "at least 1s"),
            (json!({"bookkeeping_database": ""}), "bookkeeping_database", "leave it out"),
            (json!({"database": "nowhere"}), "database", "Unknown database"),
            (json!({"url": server().url("")}), "database", "needs a database"),
        ]
    }
}

impl TestServer for Db {
    const OPEN_TRANSACTION: &'static str =
        "SELECT count(*) > 0 FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 100";

    fn too_long() -> (String, &'static str) {
        ("é".repeat(65), "has 65 characters")
    }

    fn disconnect(&self) {
        let others = format!(
            "SELECT coalesce(group_concat('KILL ', ID SEPARATOR '; '), '') \
             FROM information_schema.PROCESSLIST WHERE DB = '{}' AND ID <> CONNECTION_ID()",
            self.name
        );
        self.sql(&self.sql(&others));
    }

    fn make_books(&self) -> String {
        format!("CREATE DATABASE IF NOT EXISTS `{}`", self.books())
    }

    fn has_books(&self) -> bool {
        !self.sql(&format!("SHOW DATABASES LIKE '{}'", self.books())).is_empty()
    }
}
