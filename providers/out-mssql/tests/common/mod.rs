//! The database that the tests of this output run on: a simulated SQL Server, or the one that
//! `DSTREAM_TEST_MSSQL_URL` names. No test knows which.

// Each file uses some of it. The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod types;

use dstream_mssql_testkit::Database;
use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{TestDatabase, TestServer, Value, json, serde_json};

pub struct Db(pub Database);

impl Db {
    fn lines(&self, sql: &str) -> Vec<String> {
        self.sql(sql).lines().map(str::to_owned).collect()
    }
}

impl TestDatabase for Db {
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_dstream-out-mssql");
    const SYSTEM: &'static str = "sqlserver";
    const QUOTE: char = '[';
    const GENERATED: &'static str = "CREATE TABLE s (id int IDENTITY PRIMARY KEY, a nvarchar(9), n AS (CAST(a AS int) + 2), v rowversion)";
    const NOT_UNIQUE: (&'static str, &'static str) = (
        "CREATE TABLE s (id nvarchar(100), a nvarchar(9), UNIQUE (id, a))",
        "[s] ADD UNIQUE ([id])",
    );

    fn new() -> Self {
        Self(Database::new())
    }

    fn place(&self) -> Value {
        json!({"db_connection_string": self.0.connection_string()})
    }

    fn sql(&self, sql: &str) -> String {
        self.0.sql(sql)
    }

    fn table(&self, name: &str) -> String {
        format!("dbo.{name}")
    }

    fn book(&self, name: &str) -> String {
        format!("_dstream.{name}")
    }

    fn tables(&self) -> Vec<String> {
        self.lines(
            "SELECT s.name + '.' + t.name FROM sys.tables t \
             JOIN sys.schemas s ON s.schema_id = t.schema_id ORDER BY s.name + '.' + t.name",
        )
    }

    fn column_type(&self, table: &str, column: &str) -> String {
        let row = self.sql(&format!(
            "SELECT TYPE_NAME(system_type_id), max_length, precision, scale FROM sys.columns \
             WHERE object_id = OBJECT_ID(N'{table}') AND name = N'{column}'"
        ));
        let parts: Vec<_> = row.split('|').collect();
        let [name, bytes, precision, scale] = parts[..] else { panic!("{table}.{column}: {row}") };
        let length = || match bytes {
            "-1" => "max".to_owned(),
            bytes if name.starts_with('n') => (bytes.parse::<u32>().unwrap() / 2).to_string(),
            bytes => bytes.to_owned(),
        };
        match name {
            "decimal" | "numeric" => format!("decimal({precision},{scale})"),
            "time" | "datetime2" | "datetimeoffset" => format!("{name}({scale})"),
            "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" => {
                format!("{name}({})", length())
            }
            other => other.to_owned(),
        }
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.lines(&format!(
            "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID(N'{table}') ORDER BY column_id"
        ))
    }

    fn literal(&self, text: &str) -> String {
        format!("N'{}'", text.replace('\'', "''"))
    }

    fn moment(&self, column: &str) -> String {
        format!("CONVERT(varchar(19), CAST({column} AS datetime2(0)), 120)")
    }

    fn objects(&self, table: &str, columns: &[&str]) -> Vec<Value> {
        if !self.tables().contains(&self.table(table)) {
            return Vec::new();
        }
        let rows = self.0.rows(&format!("SELECT {} FROM {table}", columns.join(", "))).unwrap();
        let types: Vec<_> = columns.iter().map(|name| self.column_type(table, name)).collect();
        let value = |(text, kind): (Option<String>, &String)| match text {
            None => Value::Null,
            Some(text) if kind.starts_with("nvarchar") => Value::String(text),
            Some(number) => serde_json::from_str(&number).unwrap(),
        };
        let object = |row: Vec<Option<String>>| {
            let values = row.into_iter().zip(&types).map(value);
            columns.iter().map(|name| (*name).to_owned()).zip(values).collect()
        };
        rows.into_iter().map(object).collect()
    }

    fn types() -> Vec<Case> {
        types::types()
    }

    fn native() -> Vec<Native> {
        types::native()
    }

    fn shown(column: &str, kind: &str) -> String {
        match kind {
            kind if kind.contains("binary") => format!("CONVERT(varchar(max), {column}, 2)"),
            "float" | "real" => format!("CONVERT(varchar(40), {column}, 3)"),
            "money" | "smallmoney" => format!("CONVERT(varchar(40), {column}, 2)"),
            kind if kind.starts_with("date") || kind.starts_with("smalldate") => {
                format!("CONVERT(varchar(40), {column}, 121)")
            }
            _ => format!("CAST({column} AS nvarchar(max))"),
        }
    }

    fn refusing() -> (&'static str, Vec<(Value, &'static str)>) {
        let rows = vec![
            (json!({"id": 10001, "n": 7, "t": "a"}), "error 547"),
            (json!({"id": "x", "n": 1, "t": "a"}), "column `id`: `x` is no int"),
            (json!({"id": 10003, "n": 1, "t": "four"}), "error 2628"),
            (json!({"id": 10004, "n": 1.5, "t": "a"}), "column `n`: `1.5` is no int"),
            (
                json!({"id": 10005, "n": 1, "t": "a", "d": "2026-02-30"}),
                "column `d`: `2026-02-30` is no date",
            ),
            (json!({"id": 99999999999u64, "n": 1, "t": "a"}), "`99999999999` is no int"),
            (json!({"id": 10006, "n": null, "t": "a"}), "error 515"),
        ];
        (
            "CREATE TABLE s (id int PRIMARY KEY, n int NOT NULL CHECK (n < 5), t varchar(3), d date)",
            rows,
        )
    }

    fn first_version(&self) -> [String; 3] {
        let id = "nvarchar(100) COLLATE Latin1_General_100_BIN2";
        let create = |name: &str, columns: &str| {
            let columns = columns
                .replace("{id}", id)
                .replace("{time}", "datetime2(7) NOT NULL DEFAULT SYSUTCDATETIME()");
            format!(
                "IF OBJECT_ID(N'[_dstream].[{name}]') IS NULL CREATE TABLE [_dstream].[{name}] ( {columns} )"
            )
        };
        [
            create(
                "_dstream_checkpoints",
                "task_id {id} NOT NULL, output {id} NOT NULL, input {id} NOT NULL, part nvarchar(468) COLLATE Latin1_General_100_BIN2 NOT NULL, epoch bigint NOT NULL, state nvarchar(max), mark_epoch bigint, mark_id bigint, task nvarchar(max) NOT NULL, updated_at {time}, PRIMARY KEY NONCLUSTERED (task_id, output, input, part)",
            ),
            create(
                "_dstream_rejected",
                "task_id {id} NOT NULL, output {id} NOT NULL, epoch bigint NOT NULL, checkpoint bigint NOT NULL, n bigint NOT NULL, rejected nvarchar(max) NOT NULL, created_at {time}, PRIMARY KEY NONCLUSTERED (task_id, output, epoch, checkpoint, n)",
            ),
            create(
                "_dstream_tables",
                "name nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED, task_id {id} NOT NULL, output {id} NOT NULL, created_at {time}",
            ),
        ]
    }

    fn make_schema(&self) {
        self.sql(&self.make_books());
    }

    fn create_missing(&self, table: &str) -> String {
        format!("IF OBJECT_ID(N'{table}') IS NULL CREATE TABLE {table}")
    }

    fn quoted(&self, table: &str) -> String {
        table.split('.').map(|part| format!("[{part}]")).collect::<Vec<_>>().join(".")
    }

    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)> {
        vec![
            (json!({"lock_timeout": "soon"}), "lock_timeout", "such as \"5s\""),
            (json!({"takeover_timeout": "10ms"}), "takeover_timeout", "at least 1s"),
            (json!({"schema": ""}), "schema", "leave it out"),
            (json!({"bookkeeping_schema": ""}), "bookkeeping_schema", "leave it out"),
            (json!({"database": "nowhere"}), "database", "nowhere"),
            (
                json!({"db_connection_string": "nonsense://"}),
                "db_connection_string",
                "jdbc:sqlserver",
            ),
        ]
    }
}

impl TestServer for Db {
    const OPEN_TRANSACTION: &'static str = "SELECT count(*) FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND open_transaction_count > 0";

    fn too_long() -> (String, &'static str) {
        ("é".repeat(129), "has 129 characters")
    }

    fn stranger(&self) -> Value {
        json!({"user": "nobody", "password": "wrong"})
    }

    fn disconnect(&self) {
        self.0.disconnect();
    }

    fn make_books(&self) -> String {
        "IF SCHEMA_ID(N'_dstream') IS NULL EXEC(N'CREATE SCHEMA [_dstream]')".into()
    }

    fn has_books(&self) -> bool {
        !self.sql("SELECT SCHEMA_ID(N'_dstream')").is_empty()
    }
}
