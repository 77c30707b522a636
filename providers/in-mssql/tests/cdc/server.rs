//! A database for a test, and runs of the input against it. Nothing is captured before a test says
//! so: by [`Db::write`], [`Db::scan`](dstream_mssql_testkit::Database::scan) or a new table.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::{Duration, Instant};

use dstream_mssql_testkit::Database;
use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-in-mssql");

/// Longer than anything that comes by itself takes.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A database, mostly with change data capture on.
pub(crate) struct Db(Database);

pub(crate) type States = BTreeMap<String, Value>;

impl Deref for Db {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

impl Db {
    /// Change data capture is off.
    pub(crate) fn bare() -> Self {
        Self(Database::new())
    }

    pub(crate) fn new() -> Self {
        let db = Self::bare();
        db.enable_capture();
        db
    }

    /// With a table that is captured, and the places right behind that.
    pub(crate) fn with_table(ddl: &str, table: &str) -> (Self, States) {
        let db = Self::new();
        db.tables(ddl, &[table]);
        let states = db.read(&db.config(json!({"snapshot": "never"})), &States::new()).states;
        (db, states)
    }

    /// Makes tables of `dbo`, and captures them.
    pub(crate) fn tables(&self, ddl: &str, tables: &[&str]) {
        self.sql(ddl);
        for table in tables {
            self.capture("dbo", table);
        }
    }

    pub(crate) fn config(&self, more: Value) -> Value {
        let mut config = json!({
            "db_connection_string": self.connection_string(), "until": "caught_up",
            "poll_interval": "20ms", "max_poll_interval": "100ms",
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    /// A run to its end, everything committed.
    pub(crate) fn read(&self, config: &Value, states: &States) -> InputRun {
        let mut run = self.start(config, states);
        run.finish();
        run
    }

    pub(crate) fn start(&self, config: &Value, states: &States) -> InputRun {
        InputRun::start(PROGRAM, "t", config, states)
    }
}

/// Waits until it is so.
pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The numbers from 1 to `last`, below a million, as a table `n` with the column `value`. The
/// function for it is of SQL Server 2022.
pub(crate) fn numbers(last: u32) -> String {
    let digit = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    let digits = last.to_string().len();
    let places: Vec<_> =
        (0..digits).map(|at| format!("d{at}.d * {}", 10_u32.pow(at as u32))).collect();
    let tables: Vec<_> = (0..digits).map(|at| format!("{digit} d{at}(d)")).collect();
    format!(
        "(SELECT value FROM (SELECT {} AS value FROM {}) a WHERE value BETWEEN 1 AND {last}) n",
        places.join(" + "),
        tables.join(" CROSS JOIN ")
    )
}
