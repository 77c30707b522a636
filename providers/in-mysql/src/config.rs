//! The `config` block.

use dstream_cdc::{TablePattern, Until, table_patterns};
use dstream_mysql::Connection;
use dstream_sdk::{ByteSize, Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which server, which tables, and from when on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) connection: Connection,
    /// Tables: `shop.orders`, `shop.*`, `shop.order_?`; a name in double quotes is taken literally. Without a
    /// dot it is a table of `database`.
    pub(crate) tables: Vec<String>,
    /// Tables that `tables` means and that are left out.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// `initial`: first the rows as they stand, then the changes. `never`: the changes from now on.
    /// `when_needed`: as `initial`, and again where the log that is needed has been removed.
    #[serde(default)]
    pub(crate) snapshot: Snapshot,
    /// How many tables, or parts of tables, are read at once.
    #[serde(default = "snapshot_parallelism")]
    pub(crate) snapshot_parallelism: usize,
    /// How a MySQL server is held still for the moment in which the snapshot begins: `global`
    /// (FLUSH TABLES WITH READ LOCK), `tables` (LOCK TABLES … READ), or `auto`: the first that is
    /// allowed; MariaDB needs neither.
    #[serde(default)]
    pub(crate) snapshot_lock: SnapshotLock,
    /// `stopped`: go on with what comes. `caught_up`: end where the log ended when the run began.
    #[serde(default)]
    pub(crate) until: Until,
    /// How a run finds its place: `gtid`, `file` (and offset), or `auto`: GTIDs where the server
    /// has them, so that another server of the same replication can take over.
    #[serde(default)]
    pub(crate) position: Resume,
    /// The number that this input has among the server's replicas; each has to have its own.
    /// Default: one made out of the task and the input.
    #[serde(default)]
    pub(crate) server_id: Option<u32>,
    /// How often the server says that it is alive while nothing changes, and how often the lag is
    /// measured.
    #[serde(default = "heartbeat_interval")]
    pub(crate) heartbeat_interval: TimeSpan,
    /// Warn when the input is further behind than this size of the log (`"1GiB"`).
    #[serde(default)]
    pub(crate) max_lag_bytes: Option<ByteSize>,
}

/// What is read before the changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Snapshot {
    /// The rows as they stand.
    #[default]
    Initial,
    /// Nothing.
    Never,
    /// The rows as they stand, and again where changes were lost.
    WhenNeeded,
}

/// How the server is held still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SnapshotLock {
    /// What the server needs and allows.
    #[default]
    Auto,
    /// FLUSH TABLES WITH READ LOCK.
    Global,
    /// LOCK TABLES … READ.
    Tables,
}

/// How a run finds its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Resume {
    /// By GTID where there are any.
    #[default]
    Auto,
    /// By GTID.
    Gtid,
    /// By file and offset.
    File,
}

fn snapshot_parallelism() -> usize {
    2
}

fn heartbeat_interval() -> TimeSpan {
    TimeSpan::from_millis(10_000)
}

/// Which tables are meant.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    database: String,
    included: Vec<TablePattern>,
    excluded: Vec<TablePattern>,
}

impl Config {
    /// The settings that have to make sense, seen before anything is connected.
    pub(crate) fn tables(&self) -> Result<Tables> {
        if self.tables.is_empty() {
            let message =
                "`tables` is empty: name at least one, such as \"shop.orders\" or \"shop.*\"";
            return Err(Error::config("tables", message));
        }
        if self.snapshot_parallelism == 0 {
            return Err(Error::config("snapshot_parallelism", "it must be at least 1"));
        }
        let database = self.connection.default_database().unwrap_or_default();
        let included = table_patterns("tables", &self.tables)?;
        for (at, text) in self.tables.iter().enumerate() {
            if database.is_empty() && !text.contains('.') {
                let message =
                    format!("`{text}` has no database: write \"shop.{text}\", or set `database`");
                return Err(Error::config(format!("tables[{at}]"), message));
            }
        }
        Ok(Tables { database, included, excluded: table_patterns("exclude", &self.exclude)? })
    }

    /// The number among the server's replicas.
    pub(crate) fn server_id(&self, task: &str, name: &str) -> u32 {
        // Above what people give to servers.
        let made = crc32fast::hash(format!("{task}\0{name}").as_bytes()) | 0x8000_0000;
        self.server_id.unwrap_or(made)
    }
}

/// Databases that are the server's own.
const SYSTEM: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

impl Tables {
    pub(crate) fn means(&self, database: &str, table: &str) -> bool {
        let any = |patterns: &[TablePattern]| {
            patterns.iter().any(|p| p.matches(&self.database, database, table))
        };
        !SYSTEM.contains(&database) && any(&self.included) && !any(&self.excluded)
    }

    /// The names without wildcards that none of these tables has.
    pub(crate) fn missing(&self, found: &[(String, String)]) -> Vec<String> {
        let names = self.included.iter().filter(|pattern| pattern.is_name());
        let absent = names
            .filter(|p| !found.iter().any(|(database, t)| p.matches(&self.database, database, t)));
        absent.map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: serde_json::Value) -> Config {
        dstream_sdk::config::read(config).unwrap()
    }

    #[test]
    fn tables_are_names_and_patterns_without_the_servers_own() {
        let tables = read(json!({"tables": ["shop.*", "*.users"], "exclude": ["shop.tmp_*"]}));
        let tables = tables.tables().unwrap();
        assert!(tables.means("shop", "orders") && tables.means("crm", "users"));
        assert!(!tables.means("shop", "tmp_1") && !tables.means("mysql", "users"));
    }

    #[test]
    fn a_table_without_database_says_what_to_write() {
        let error = read(json!({"tables": ["orders"]})).tables().unwrap_err();
        assert_eq!(error.path(), Some("tables[0]"));
        assert!(error.to_string().contains("\"shop.orders\""), "{error}");
        let config = read(json!({"tables": ["orders"], "database": "crm"}));
        assert!(config.tables().unwrap().means("crm", "orders"));
    }

    #[test]
    fn an_unknown_setting_is_refused_beside_the_flattened_ones() {
        let error = dstream_sdk::config::read::<Config>(json!({"tables": [], "hots": "x"}));
        assert!(error.unwrap_err().to_string().contains("did you mean `host`"));
    }

    #[test]
    fn two_inputs_have_two_numbers() {
        let config = read(json!({"tables": ["a.b"]}));
        assert_ne!(config.server_id("t", "a"), config.server_id("t", "b"));
        assert_eq!(config.server_id("t", "a"), config.server_id("t", "a"));
    }
}
