//! The `config` block. The original's settings are kept.

use std::collections::BTreeMap;

use dstream_cdc::TablePattern;
use dstream_mssql::Connection;
use dstream_sdk::{ByteSize, Error, Result, Secret, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which server, which tables, and how they are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) connection: Connection,
    /// Tables: `Persons` (means `dbo.Persons`), `sales.*`, `sales.order_?`, `"My Schema"."my.table"`. Default: every
    /// table that change data capture is on for.
    #[serde(default)]
    pub(crate) tables: Vec<String>,
    /// Tables that `tables` means and that are left out.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// By table: which columns are handed on.
    #[serde(default)]
    pub(crate) table: BTreeMap<String, TableSettings>,
    /// `initial`: first the rows as they stand, then the changes. `never`: the changes from now on. `always`: the rows
    /// again in every run. `when_needed`: as `initial`, and again where changes were removed before they were read.
    #[serde(default)]
    pub(crate) snapshot: Snapshot,
    /// How the rows are read: `snapshot` isolation where the database allows it, else `read_committed`; `none` reads
    /// without locks, and may see what is rolled back later.
    #[serde(default)]
    pub(crate) snapshot_isolation: Isolation,
    /// What to do when changes were removed from the change tables before they were read.
    #[serde(default)]
    pub(crate) on_lost_position: OnLost,
    /// The pause after a look that found nothing; it doubles up to `max_poll_interval`.
    #[serde(default = "poll_interval")]
    pub(crate) poll_interval: TimeSpan,
    /// The longest pause.
    #[serde(default = "max_poll_interval")]
    pub(crate) max_poll_interval: TimeSpan,
    /// How many connections read at the same time.
    #[serde(default = "max_connections")]
    pub(crate) max_connections: usize,
    /// How many transactions are read in one round, at most.
    #[serde(default = "max_transactions")]
    pub(crate) max_transactions: usize,
    /// How many rows of a table are asked for at once follows from their measured size and this. Default: the tables
    /// that are read share 4 MiB, each has at least 1 MiB.
    #[serde(default)]
    pub(crate) max_batch_bytes: Option<ByteSize>,
    /// `host`: the host keeps the checkpoints. `table`: also `cdc_offsets` in the watched database, as the original does.
    /// Default: `table` where `cdc_offsets` is there, else `host`; with leases `table`, unless the output keeps the
    /// checkpoints for all instances.
    #[serde(default)]
    pub(crate) checkpoint_store: Option<CheckpointStore>,
    /// Which of several instances reads a table.
    #[serde(default)]
    pub(crate) lock_config: Option<LockConfig>,
    /// When to end: `stopped`, or `caught_up` with what was captured when the run began.
    #[serde(default)]
    pub(crate) until: Until,
}

/// What of a table is handed on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct TableSettings {
    /// These columns only. The key is always among them.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    /// All columns but these.
    #[serde(default)]
    pub(crate) exclude_columns: Vec<String>,
}

/// What is read before the changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Snapshot {
    /// The rows as they stand, once.
    #[default]
    Initial,
    /// Nothing.
    Never,
    /// The rows as they stand, in every run.
    Always,
    /// The rows as they stand, and again where changes were lost.
    WhenNeeded,
}

/// How the rows are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Isolation {
    /// `snapshot` where the database allows it, else `read_committed`.
    #[default]
    Auto,
    /// SNAPSHOT.
    Snapshot,
    /// READ COMMITTED.
    ReadCommitted,
    /// READ UNCOMMITTED.
    None,
}

/// When changes were removed before they were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnLost {
    /// Stop, and say it.
    #[default]
    Fail,
    /// Read the rows again.
    Resnapshot,
    /// Go on with the oldest change that is left.
    Skip,
}

/// Who keeps the checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckpointStore {
    /// The host.
    Host,
    /// `cdc_offsets` too.
    Table,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// When it is stopped.
    #[default]
    Stopped,
    /// When it has read what was there when it began.
    CaughtUp,
}

/// Leases, by which instances share tables out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct LockConfig {
    /// `azure_blob`: instances anywhere. `file`: instances on one machine. `none`: this is the only one.
    #[serde(rename = "type")]
    pub(crate) kind: LockKind,
    /// `azure_blob`: the storage account's connection string; `UseDevelopmentStorage=true` for the emulator.
    #[serde(default)]
    pub(crate) connection_string: Option<Secret>,
    /// `azure_blob`: the container; it is made where it is not there. Default: `locks`.
    #[serde(default)]
    pub(crate) container_name: Option<String>,
    /// `file`: the folder. Default: `.dstream/locks`.
    #[serde(default)]
    pub(crate) folder: Option<String>,
    /// `azure_blob`: how long a lease is, 15 s to 60 s. Default: 60 s.
    #[serde(default)]
    pub(crate) lease_duration: Option<TimeSpan>,
}

/// What keeps leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockKind {
    /// Blobs in Azure.
    AzureBlob,
    /// Files on this machine.
    File,
    /// Nothing.
    None,
}

fn poll_interval() -> TimeSpan {
    TimeSpan::from_millis(5_000)
}

fn max_poll_interval() -> TimeSpan {
    TimeSpan::from_millis(60_000)
}

fn max_connections() -> usize {
    4
}

fn max_transactions() -> usize {
    10_000
}

/// Which tables are meant.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    included: Vec<TablePattern>,
    excluded: Vec<TablePattern>,
    settings: Vec<(TablePattern, TableSettings)>,
}

/// The schema of a name without one.
pub(crate) const DEFAULT_SCHEMA: &str = "dbo";

impl Config {
    /// The settings that have to make sense, seen before anything is connected.
    pub(crate) fn check(&self) -> Result<Tables> {
        let in_range = |name: &str, value: usize, most: usize| match (1..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::config(name, format!("`{name}` is 1 to {most}"))),
        };
        in_range("max_connections", self.max_connections, 64)?;
        in_range("max_transactions", self.max_transactions, 1_000_000)?;
        if self.poll_interval > self.max_poll_interval {
            let text = "`poll_interval` is longer than `max_poll_interval`";
            return Err(Error::config("poll_interval", text));
        }
        if self.max_batch_bytes.is_some_and(|size| !(4 << 10..=64 << 20).contains(&size.0)) {
            let text = "`max_batch_bytes` is \"4KiB\" to \"64MiB\"";
            return Err(Error::config("max_batch_bytes", text));
        }
        let mut settings = Vec::new();
        for (name, own) in &self.table {
            if !own.columns.is_empty() && !own.exclude_columns.is_empty() {
                let text = "`columns` and `exclude_columns` exclude each other";
                return Err(Error::config(format!("table.{name}.columns"), text));
            }
            settings.push((pattern("table", name)?, own.clone()));
        }
        let patterns = |key: &str, texts: &[String]| -> Result<Vec<TablePattern>> {
            let read = |(at, text): (usize, &String)| pattern(&format!("{key}[{at}]"), text);
            texts.iter().enumerate().map(read).collect()
        };
        let included = patterns("tables", &self.tables)?;
        Ok(Tables { included, excluded: patterns("exclude", &self.exclude)?, settings })
    }
}

fn pattern(path: &str, text: &str) -> Result<TablePattern> {
    text.parse().map_err(|error| Error::config(path, format!("{error}")))
}

impl Tables {
    pub(crate) fn means(&self, schema: &str, table: &str) -> bool {
        let any = |patterns: &[TablePattern]| {
            patterns.iter().any(|pattern| pattern.matches(DEFAULT_SCHEMA, schema, table))
        };
        (self.included.is_empty() || any(&self.included)) && !any(&self.excluded)
    }

    /// Names without wildcards that none of these tables has.
    pub(crate) fn missing<'t>(
        &'t self,
        found: impl Iterator<Item = (&'t str, &'t str)> + Clone,
    ) -> Vec<&'t TablePattern> {
        let names = self.included.iter().filter(|pattern| pattern.is_name());
        names.filter(|p| !found.clone().any(|(s, t)| p.matches(DEFAULT_SCHEMA, s, t))).collect()
    }

    /// What is said of this table.
    pub(crate) fn settings(&self, schema: &str, table: &str) -> TableSettings {
        let own = self.settings.iter().filter(|(p, _)| p.matches(DEFAULT_SCHEMA, schema, table));
        own.map(|(_, settings)| settings.clone()).next_back().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(mut config: serde_json::Value) -> Config {
        config["user"] = json!("u");
        config["password"] = json!("p");
        dstream_sdk::config::read(config).unwrap()
    }

    #[test]
    fn a_name_without_schema_means_dbo_and_no_name_every_table() {
        let tables = read(json!({"tables": ["Persons", "sales.*"], "exclude": ["sales.tmp_*"]}));
        let tables = tables.check().unwrap();
        assert!(tables.means("dbo", "Persons") && tables.means("sales", "x"));
        assert!(!tables.means("x", "Persons") && !tables.means("sales", "tmp_1"));
        assert_eq!(tables.missing([("sales", "x")].into_iter()).len(), 1);
        assert!(read(json!({})).check().unwrap().means("any", "thing"));
    }

    #[test]
    fn the_originals_settings_are_read() {
        let config = read(json!({
            "db_connection_string": "Server=db;Database=d;User Id=u;Password=p",
            "poll_interval": "5s", "max_poll_interval": "1m", "tables": ["Persons", "Cars"],
            "lock_config": {"type": "azure_blob", "connection_string": "UseDevelopmentStorage=true", "container_name": "locks"},
        }));
        assert_eq!(config.lock_config.unwrap().kind, LockKind::AzureBlob);
    }

    #[test]
    fn what_makes_no_sense_is_said_by_its_setting() {
        for (json, path) in [
            (json!({"max_connections": 0}), "max_connections"),
            (json!({"max_transactions": 0}), "max_transactions"),
            (json!({"poll_interval": "2m"}), "poll_interval"),
            (json!({"max_batch_bytes": "1KiB"}), "max_batch_bytes"),
            (json!({"tables": ["a.b.c"]}), "tables[0]"),
            (
                json!({"table": {"t": {"columns": ["a"], "exclude_columns": ["b"]}}}),
                "table.t.columns",
            ),
        ] {
            let error = read(json).check().unwrap_err();
            assert_eq!(error.path(), Some(path), "{error}");
        }
    }
}
