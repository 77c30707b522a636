//! What only MySQL and MariaDB have to set.

use dstream_mysql::Connection;
use dstream_sdk::{Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which server, which databases, and how long to wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) connection: Connection,
    /// The database of the tables that keep the checkpoints. Made where it is not there.
    #[serde(default = "bookkeeping_database")]
    pub(crate) bookkeeping_database: String,
    /// How long to wait for a lock that another session holds, on rows or on a table. Default: the
    /// server's own limits.
    #[serde(default)]
    pub(crate) lock_timeout: Option<TimeSpan>,
    /// An older run that has a transaction open and does not answer for so long is ended by the
    /// server, so that a newer one can take over.
    #[serde(default = "takeover_timeout")]
    pub(crate) takeover_timeout: TimeSpan,
}

fn bookkeeping_database() -> String {
    "_dstream".into()
}

fn takeover_timeout() -> TimeSpan {
    TimeSpan::from_millis(20_000)
}

impl Settings {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check(&self) -> Result<()> {
        if self.bookkeeping_database.is_empty() {
            let message = "`bookkeeping_database` is empty: leave it out to use the default";
            return Err(Error::config("bookkeeping_database", message));
        }
        let seconds = [
            ("takeover_timeout", Some(self.takeover_timeout)),
            ("lock_timeout", self.lock_timeout),
        ];
        for (path, span) in seconds {
            if span.is_some_and(|span| span.as_millis() < 1000) {
                let message =
                    format!("`{path}` is too short: the server counts in seconds, so at least 1s");
                return Err(Error::config(path, message));
            }
        }
        Ok(())
    }

    /// The database of tables whose name does not say one; empty: there is none.
    pub(crate) fn database(&self) -> String {
        self.connection.default_database().unwrap_or_default()
    }
}
