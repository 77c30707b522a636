//! The database that the tests of this output run on.

// Each file uses some of it. The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod types;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use dstream_servers::Postgres;
use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{TestDatabase, TestServer, Value, json, serde_json};

/// The server of all tests of a file.
pub fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start(&[("max_prepared_transactions", "100")]))
}

/// A database for one test.
pub struct Db {
    pub name: String,
}

impl Db {
    fn lines(&self, sql: &str) -> Vec<String> {
        self.sql(sql).lines().map(str::to_owned).collect()
    }
}

impl TestDatabase for Db {
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_dstream-out-postgres");
    const SYSTEM: &'static str = "postgresql";
    const QUOTE: char = '"';
    const GENERATED: &'static str = "CREATE TABLE s (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, n int GENERATED ALWAYS AS (a + 2) STORED)";
    const NOT_UNIQUE: (&'static str, &'static str) = (
        "CREATE TABLE s (id int, a text); CREATE UNIQUE INDEX ON s (id) WHERE a = 'x'",
        "CREATE UNIQUE INDEX ON \"public\".\"s\" (\"id\")",
    );

    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server().create_database(&name);
        Self { name }
    }

    fn place(&self) -> Value {
        json!({"url": server().url(&self.name)})
    }

    fn sql(&self, sql: &str) -> String {
        server().psql(&self.name, sql)
    }

    fn table(&self, name: &str) -> String {
        format!("public.{name}")
    }

    fn book(&self, name: &str) -> String {
        format!("_dstream.{name}")
    }

    fn tables(&self) -> Vec<String> {
        self.lines(
            "SELECT schemaname || '.' || tablename FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        )
    }

    /// Of a domain, the type that it is made of.
    fn column_type(&self, table: &str, column: &str) -> String {
        self.sql(&format!(
            "SELECT format_type(coalesce(nullif(typbasetype, 0), atttypid), atttypmod) \
             FROM pg_attribute JOIN pg_type t ON t.oid = atttypid \
             WHERE attrelid = '{table}'::regclass AND attname = '{column}'"
        ))
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.lines(&format!(
            "SELECT attname FROM pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
        ))
    }

    fn moment(&self, column: &str) -> String {
        format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')")
    }

    fn objects(&self, table: &str, _: &[&str]) -> Vec<Value> {
        if !self.tables().contains(&self.table(table)) {
            return Vec::new();
        }
        let sql = format!("SELECT coalesce(json_agg({table}), '[]') FROM {table}");
        serde_json::from_str(&self.sql(&sql)).unwrap()
    }

    fn types() -> Vec<Case> {
        types::types()
    }

    fn native() -> Vec<Native> {
        types::native()
    }

    fn prepare_native(&self) {
        self.sql("CREATE EXTENSION hstore");
        self.sql("CREATE TYPE mood AS ENUM ('happy'); CREATE DOMAIN age AS int CHECK (VALUE > 0)");
    }

    fn shown(column: &str, kind: &str) -> String {
        match kind {
            "timestamp with time zone" => {
                format!("replace(({column} AT TIME ZONE 'UTC')::text || '+00', ' BC+00', '+00 BC')")
            }
            kind if kind.starts_with("character(") => format!("rtrim({column}::text)"),
            _ => format!("{column}::text"),
        }
    }

    fn refusing() -> (&'static str, Vec<(Value, &'static str)>) {
        let rows = vec![
            (json!({"id": 10001, "n": 7, "t": "a"}), "violates check constraint"),
            (json!({"id": "x", "n": 1, "t": "a"}), "invalid input syntax for type integer"),
            (json!({"id": 10003, "n": 1, "t": "four"}), "too long for type character varying(3)"),
            (json!({"id": 10004, "n": 1, "t": "a\u{0}b"}), "0x00"),
            (json!({"id": 99999999999u64, "n": 1, "t": "a"}), "out of range for type integer"),
        ];
        ("CREATE TABLE s (id int PRIMARY KEY, n int CHECK (n < 5), t varchar(3))", rows)
    }

    fn first_version(&self) -> [String; 3] {
        [
            "CREATE TABLE IF NOT EXISTS \"_dstream\".\"_dstream_checkpoints\" ( task_id text NOT NULL, output text NOT NULL, input text NOT NULL, part text NOT NULL, epoch bigint NOT NULL, state text, mark_epoch bigint, mark_id bigint, task text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (task_id, output, input, part) )",
            "CREATE TABLE IF NOT EXISTS \"_dstream\".\"_dstream_rejected\" ( task_id text NOT NULL, output text NOT NULL, epoch bigint NOT NULL, checkpoint bigint NOT NULL, n bigint NOT NULL, rejected text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (task_id, output, epoch, checkpoint, n) )",
            "CREATE TABLE IF NOT EXISTS \"_dstream\".\"_dstream_tables\" ( name text NOT NULL PRIMARY KEY, task_id text NOT NULL, output text NOT NULL, created_at timestamptz NOT NULL DEFAULT now() )",
        ]
        .map(String::from)
    }

    fn make_schema(&self) {
        self.sql(&self.make_books());
    }

    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)> {
        vec![
            (json!({"synchronous_commit": "off"}), "synchronous_commit", "unknown variant `off`"),
            (json!({"statement_timeout": "soon"}), "statement_timeout", "such as \"5s\""),
            (json!({"database": "nowhere"}), "database", "does not exist"),
        ]
    }
}

impl TestServer for Db {
    const OPEN_TRANSACTION: &'static str = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND state = 'idle in transaction'";

    fn too_long() -> (String, &'static str) {
        ("x".repeat(64), "takes 63")
    }

    fn disconnect(&self) {
        self.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = 'dstream' AND datname = current_database()",
        );
    }

    fn make_books(&self) -> String {
        "CREATE SCHEMA \"_dstream\"".into()
    }

    fn has_books(&self) -> bool {
        self.sql("SELECT count(*) FROM pg_namespace WHERE nspname = '_dstream'") != "0"
    }
}
