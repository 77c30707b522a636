//! A server for a test, and runs of the input against it.

use std::collections::BTreeMap;

use dstream_mssql_sim::{MssqlSim, Options};
use dstream_testkit::InputRun;
use dstream_testkit::serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dstream-in-mssql");

/// A database with change data capture on.
pub(crate) struct Db {
    pub(crate) sim: MssqlSim,
}

pub(crate) type States = BTreeMap<String, Value>;

impl Db {
    /// Change data capture is off.
    pub(crate) fn bare() -> Self {
        Self { sim: MssqlSim::start(Options::default()).unwrap() }
    }

    pub(crate) fn new() -> Self {
        let db = Self::bare();
        db.sql("EXEC sys.sp_cdc_enable_db");
        db
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.sim.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The database's name.
    pub(crate) fn name(&self) -> String {
        self.sim.rows("SELECT DB_NAME()").unwrap().remove(0).remove(0)
    }

    /// Makes tables, and captures them.
    pub(crate) fn tables(&self, ddl: &str, tables: &[&str]) {
        self.sql(ddl);
        for table in tables {
            self.capture(table);
        }
    }

    pub(crate) fn capture(&self, table: &str) {
        self.sql(&format!(
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'{table}', @role_name = NULL"
        ));
    }

    pub(crate) fn config(&self, more: Value) -> Value {
        let mut config = json!({
            "db_connection_string": self.sim.connection_string(), "until": "caught_up",
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
