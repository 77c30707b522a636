//! What only SQLite has to set.

use dstream_sdk::{Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    /// The database file. It is made where it is not there, with its folder.
    pub(crate) path: String,
    /// `wal`: readers are not held up while this writes. `delete`: one file, no side files.
    #[serde(default)]
    pub(crate) journal_mode: JournalMode,
    /// How long to wait for another process that writes the database.
    #[serde(default = "busy_timeout")]
    pub(crate) busy_timeout: TimeSpan,
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

fn busy_timeout() -> TimeSpan {
    TimeSpan::from_millis(10_000)
}

impl Settings {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check(&self) -> Result<()> {
        match self.path.is_empty() {
            true => Err(Error::config("path", "`path` is empty: give a file for the database")),
            false => Ok(()),
        }
    }
}
