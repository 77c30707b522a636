//! The `config` block.

use dstream_sdk::{Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sql::evolve;

/// Which database, which tables, and how rows go in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The database file. It is made where it is not there; its folder must be.
    pub(crate) path: String,
    /// The table. May hold `{stream}`, which is also the default.
    #[serde(default = "table")]
    pub(crate) table: String,
    /// `append`: every row is a new one. `upsert`: a row takes the place of the one with its key,
    /// and deletes are followed.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The columns that identify a row. Default: the key of the stream's schema.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// A column that the table lacks: `add` it, `fail`, or `ignore` its values.
    #[serde(default)]
    pub(crate) evolve: Evolve,
    /// `wal`: readers are not held up while this writes. `delete`: one file, no side files.
    #[serde(default)]
    pub(crate) journal_mode: JournalMode,
    /// How long to wait for another process that writes the database.
    #[serde(default = "busy_timeout")]
    pub(crate) busy_timeout: TimeSpan,
}

/// What becomes of a row with a key that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Every row is a new one.
    #[default]
    Append,
    /// A row takes the place of the one with its key.
    Upsert,
}

/// What a column does that the table lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evolve {
    /// It is added to the table.
    #[default]
    Add,
    /// The run fails.
    Fail,
    /// Its values are not written.
    Ignore,
}

impl From<Evolve> for evolve::Rule {
    fn from(evolve: Evolve) -> Self {
        match evolve {
            Evolve::Add => Self::Add,
            Evolve::Fail => Self::Fail,
            Evolve::Ignore => Self::Ignore,
        }
    }
}

/// SQLite's journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalMode {
    /// Write-ahead log.
    #[default]
    Wal,
    /// Rollback journal.
    Delete,
}

fn table() -> String {
    "{stream}".into()
}

fn busy_timeout() -> TimeSpan {
    TimeSpan::from_millis(10_000)
}

impl Config {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check(&self) -> Result<()> {
        if self.path.is_empty() {
            return Err(Error::config("path", "`path` is empty: give a file for the database"));
        }
        let rest = self.table.replace("{stream}", "");
        if rest.contains(['{', '}']) {
            let message = format!("`{}`: the only placeholder is {{stream}}", self.table);
            return Err(Error::config("table", message));
        }
        if self.table.is_empty() {
            return Err(Error::config(
                "table",
                "`table` is empty: leave it out to use the stream's name",
            ));
        }
        Ok(())
    }

    /// The table of a stream.
    pub(crate) fn table_of(&self, stream: &str) -> Result<String> {
        if stream.is_empty() && self.table.contains("{stream}") {
            let message = "rows without a stream cannot be put into a table: set `table`";
            return Err(Error::config("table", message));
        }
        let table = self.table.replace("{stream}", stream);
        let lower = table.to_lowercase();
        if lower.starts_with("_dstream_") || lower.starts_with("sqlite_") {
            let message = format!("the name `{table}` is reserved: set `table` to another");
            return Err(Error::config("table", message));
        }
        Ok(table)
    }

    /// The table's name where it does not depend on the stream.
    pub(crate) fn fixed_table(&self) -> Option<&str> {
        (!self.table.contains("{stream}")).then_some(&self.table)
    }
}
