//! The `config` block.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dstream_cdc::{TablePattern, Until, table_patterns};
use dstream_postgres::ConnectionSettings;
use dstream_sdk::{ByteSize, Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which server, which tables, and how they are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) connection: ConnectionSettings,
    /// `cdc`: what is there, then every change. `query`: rows by SELECT, then the end.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// Tables: `orders`, `public.*`, `sales.order_?`, `"My Schema"."my.table"`. Default: every
    /// table of the publication, which then has to be there.
    #[serde(default)]
    pub(crate) tables: Vec<String>,
    /// Tables that `tables` means and that are left out.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// By table: which columns and which rows are published. PostgreSQL 15 or later.
    #[serde(default)]
    pub(crate) table: BTreeMap<String, TableSettings>,
    /// The publication. Default: `dstream_<task>_<input>`.
    #[serde(default)]
    pub(crate) publication: Option<String>,
    /// The replication slot. Default: `dstream_<task>_<input>`.
    #[serde(default)]
    pub(crate) slot: Option<String>,
    /// Whether publication and slot are made, and the publication kept to `tables`.
    #[serde(default = "yes")]
    pub(crate) create: bool,
    /// Whether rows that are there already are read.
    #[serde(default)]
    pub(crate) snapshot: Snapshot,
    /// How many connections read them at the same time.
    #[serde(default = "two")]
    pub(crate) snapshot_parallelism: usize,
    /// Hand on what `pg_logical_emit_message` wrote.
    #[serde(default)]
    pub(crate) messages: bool,
    /// Take large transactions before they are committed, and keep them on this machine's disk until
    /// then, instead of on the server's.
    #[serde(default = "yes")]
    pub(crate) streaming: bool,
    /// Where they are kept. Default: `.dstream` of the task file's folder, else the folder for
    /// temporary files.
    #[serde(default)]
    pub(crate) spool_folder: Option<PathBuf>,
    /// Publish the changes of partitions under the name of their root.
    #[serde(default)]
    pub(crate) publish_via_root: bool,
    /// PostgreSQL 17 or later: the slot is kept on standbys too.
    #[serde(default)]
    pub(crate) failover: bool,
    /// How often the place in the log is saved while no table changes, so that the server can
    /// remove log files.
    #[serde(default = "heartbeat")]
    pub(crate) heartbeat_interval: TimeSpan,
    /// How often to look for tables that `tables` means and that were made since.
    #[serde(default = "half_minute")]
    pub(crate) new_tables_interval: TimeSpan,
    /// Warn when the slot keeps more log than this. Default: `"1GiB"`.
    #[serde(default = "gibibyte")]
    pub(crate) max_lag_bytes: ByteSize,
    /// When to end: `stopped`, or `caught_up` with what was committed when the run began.
    #[serde(default)]
    pub(crate) until: Until,
    #[serde(flatten)]
    pub(crate) select: QuerySettings,
}

/// What only `mode = "query"` has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct QuerySettings {
    /// Mode `query`: one SELECT in place of `tables`.
    #[serde(default)]
    pub(crate) query: Option<String>,
    /// Mode `query`: the name of the stream that `query` makes.
    #[serde(default)]
    pub(crate) stream: Option<String>,
    /// Mode `query`: read only rows behind the greatest value of this column that was read.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    /// Mode `query`: leave rows out whose cursor, a time, is younger than this: transactions that
    /// are open may still add rows before them.
    #[serde(default)]
    pub(crate) cursor_lag: Option<TimeSpan>,
    /// Mode `query`: the columns that tell rows apart. Default: the primary key.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// Mode `query`: how many connections read at the same time. Default: 2.
    #[serde(default)]
    pub(crate) parallelism: Option<usize>,
    /// Mode `query`: rows for which this SQL condition holds.
    #[serde(default, rename = "where")]
    pub(crate) filter: Option<String>,
    /// Mode `query`: these columns only.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
}

/// How a table is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Change data capture: what is there, then every change.
    #[default]
    Cdc,
    /// The rows that are there, or those that are new behind a cursor; then the end.
    Query,
}

/// What of a table is published.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct TableSettings {
    /// These columns only; the key has to be among them.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    /// Rows for which this SQL condition holds.
    #[serde(default, rename = "where")]
    pub(crate) filter: Option<String>,
}

/// Whether rows that are there already are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Snapshot {
    /// Once: tables that were not read yet.
    #[default]
    Initial,
    /// Never: only changes.
    Never,
    /// In every run: tables that were read are read again, from their beginning.
    Always,
    /// As `initial`, and all again when the server has lost the log that is needed.
    WhenNeeded,
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

fn heartbeat() -> TimeSpan {
    TimeSpan::from_millis(10_000)
}

fn half_minute() -> TimeSpan {
    TimeSpan::from_millis(30_000)
}

fn gibibyte() -> ByteSize {
    ByteSize(1 << 30)
}

impl Config {
    /// `tables` as patterns.
    pub(crate) fn tables(&self) -> Result<Vec<TablePattern>> {
        table_patterns("tables", &self.tables)
    }

    /// Whether tables that are made later can be meant.
    pub(crate) fn has_patterns(&self) -> bool {
        self.tables().is_ok_and(|all| all.iter().any(|pattern| !pattern.is_name()))
    }

    /// `exclude` as patterns.
    pub(crate) fn exclude(&self) -> Result<Vec<TablePattern>> {
        table_patterns("exclude", &self.exclude)
    }

    /// The settings of single tables.
    pub(crate) fn table_settings(&self) -> Result<Vec<(TablePattern, &TableSettings)>> {
        let read = |(name, settings): (&'_ String, _)| {
            let path = format!("table.{name}");
            let pattern = name.parse().map_err(|e| Error::config(path, format!("{e}")))?;
            Ok((pattern, settings))
        };
        self.table.iter().map(read).collect()
    }

    /// What can be seen without the server.
    pub(crate) fn check(&self) -> Result<()> {
        self.tables()?;
        self.exclude()?;
        self.table_settings()?;
        match self.mode {
            Mode::Cdc => self.check_cdc(),
            Mode::Query => crate::query::settings::check(self),
        }
    }

    fn check_cdc(&self) -> Result<()> {
        crate::query::settings::refuse(&self.select)?;
        if !(1..=64).contains(&self.snapshot_parallelism) {
            return Err(Error::config("snapshot_parallelism", "`snapshot_parallelism` is 1 to 64"));
        }
        if self.tables.is_empty() && self.publication.is_none() {
            let text = "name the tables (`tables = [\"public.*\"]`), or a publication that is there \
                        already (`publication`)";
            return Err(Error::config("tables", text));
        }
        match &self.slot {
            Some(slot) if !is_slot_name(slot) => Err(Error::config(
                "slot",
                format!("`{slot}` cannot name a slot: up to 63 lower-case letters, digits and `_`"),
            )),
            _ => Ok(()),
        }
    }

    /// The names of publication and slot of this input.
    pub(crate) fn names(&self, task: &str, input: &str) -> (String, String) {
        let default = default_name(task, input);
        let publication = self.publication.clone().unwrap_or_else(|| default.clone());
        (publication, self.slot.clone().unwrap_or(default))
    }
}

fn is_slot_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.len() <= 63 && name.chars().all(valid)
}

/// Only characters that a slot may have.
fn default_name(task: &str, input: &str) -> String {
    let name = format!("dstream_{task}_{input}").to_lowercase();
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(valid).take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: serde_json::Value) -> Result<Config> {
        let config: Config = dstream_sdk::config::read(json)?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn settings_of_the_connection_stand_beside_the_others_and_unknown_ones_are_refused() {
        let config =
            read(json!({"host": "db", "user": "u", "tables": ["a"], "heartbeatInterval": "2s"}));
        let config = config.unwrap();
        assert_eq!(config.connection.host.as_deref(), Some("db"));
        let error = read(json!({"host": "db", "tabels": ["a"]})).unwrap_err();
        assert!(error.to_string().contains("did you mean `tables`?"), "{error}");
    }

    #[test]
    fn names_are_made_of_task_and_input() {
        let config = read(json!({"tables": ["a"]})).unwrap();
        let name = "dstream_daily_orders__input".to_owned();
        assert_eq!(config.names("Daily-Orders", "_input"), (name.clone(), name));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_setting() {
        for (json, path) in [
            (json!({}), "tables"),
            (json!({"tables": ["a", "b..c"]}), "tables[1]"),
            (json!({"tables": ["a"], "slot": "My Slot"}), "slot"),
            (json!({"tables": ["a"], "snapshot_parallelism": 0}), "snapshot_parallelism"),
            (json!({"tables": ["a"], "snapshot": "sometimes"}), "snapshot"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(error.path(), Some(path), "{error}");
        }
    }
}
