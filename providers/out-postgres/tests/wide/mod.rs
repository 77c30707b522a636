//! A database that is written with four connections, however few changes there are.

// The helpers of a test may panic as the test may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

use std::sync::{Mutex, MutexGuard};

use dstream_servers::Postgres;
use dstream_sql_testkit::types::{Case, Native};
use dstream_sql_testkit::{TestDatabase, TestServer, Value, json};

use crate::common::Db;

/// The table `s`, without a key and with one.
pub const TABLE: [&str; 2] =
    ["CREATE TABLE s (id bigint, a text)", "CREATE TABLE s (id bigint PRIMARY KEY, a text)"];

/// A database for one test.
pub struct Wide {
    db: Db,
    /// A server of its own, that the test may end.
    own: Option<Mutex<Postgres>>,
}

impl Wide {
    /// On a server of its own.
    pub fn apart() -> Self {
        let own = Postgres::start(&[("max_prepared_transactions", "10")]);
        own.create_database("x");
        Self { db: Db { name: "x".into() }, own: Some(Mutex::new(own)) }
    }

    fn own(&self) -> Option<MutexGuard<'_, Postgres>> {
        self.own.as_ref().map(|own| own.lock().unwrap())
    }

    /// Kills its server, and starts it again.
    pub fn kill_server(&self) {
        self.own().unwrap().restart(&[]);
    }
}

impl TestDatabase for Wide {
    const PROGRAM: &'static str = Db::PROGRAM;
    const SYSTEM: &'static str = Db::SYSTEM;
    const QUOTE: char = Db::QUOTE;
    const GENERATED: &'static str = Db::GENERATED;
    const NOT_UNIQUE: (&'static str, &'static str) = Db::NOT_UNIQUE;

    fn new() -> Self {
        Self { db: Db::new(), own: None }
    }

    fn place(&self) -> Value {
        let mut place = self.db.place();
        if let Some(own) = self.own() {
            place = json!({"url": own.url("x")});
        }
        place["connections"] = json!(4);
        place["connections_min_changes"] = json!(1);
        place
    }

    fn sql(&self, sql: &str) -> String {
        match self.own() {
            Some(own) => own.psql("x", sql),
            None => self.db.sql(sql),
        }
    }

    fn table(&self, name: &str) -> String {
        self.db.table(name)
    }

    fn book(&self, name: &str) -> String {
        self.db.book(name)
    }

    fn tables(&self) -> Vec<String> {
        self.db.tables()
    }

    fn column_type(&self, table: &str, column: &str) -> String {
        self.db.column_type(table, column)
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.db.columns(table)
    }

    fn moment(&self, column: &str) -> String {
        self.db.moment(column)
    }

    fn objects(&self, table: &str, columns: &[&str]) -> Vec<Value> {
        self.db.objects(table, columns)
    }

    fn types() -> Vec<Case> {
        Db::types()
    }

    fn native() -> Vec<Native> {
        Db::native()
    }

    fn shown(column: &str, kind: &str) -> String {
        Db::shown(column, kind)
    }

    fn refusing() -> (&'static str, Vec<(Value, &'static str)>) {
        Db::refusing()
    }

    fn first_version(&self) -> [String; 3] {
        self.db.first_version()
    }

    fn make_schema(&self) {
        self.db.make_schema();
    }

    fn wrong(&self) -> Vec<(Value, &'static str, &'static str)> {
        self.db.wrong()
    }
}

impl TestServer for Wide {
    const OPEN_TRANSACTION: &'static str = "SELECT least(count(*), 1) FROM pg_stat_activity \
         WHERE datname = current_database() AND state = 'idle in transaction'";

    fn too_long() -> (String, &'static str) {
        Db::too_long()
    }

    fn disconnect(&self) {
        self.db.disconnect();
    }

    fn make_books(&self) -> String {
        self.db.make_books()
    }

    fn has_books(&self) -> bool {
        self.db.has_books()
    }
}
