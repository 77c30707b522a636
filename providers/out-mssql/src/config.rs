//! What only SQL Server has to set.

use dstream_mssql::Connection;
use dstream_sdk::{Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which server, which schemas, and how long to wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) connection: Connection,
    /// The schema of tables whose name does not say one. Made where it is not there.
    #[serde(default = "default_schema")]
    pub(crate) schema: String,
    /// The schema of the tables that keep the checkpoints. Made where it is not there.
    #[serde(default = "bookkeeping_schema")]
    pub(crate) bookkeeping_schema: String,
    /// How long to wait for a lock that another session holds. Default: as long as for any answer
    /// (`command_timeout`).
    #[serde(default)]
    pub(crate) lock_timeout: Option<TimeSpan>,
    /// An older run that has a transaction open and does not answer for so long is ended, so that a
    /// newer one can take over; for that the login needs VIEW SERVER STATE and ALTER ANY CONNECTION.
    #[serde(default = "takeover_timeout")]
    pub(crate) takeover_timeout: TimeSpan,
}

fn default_schema() -> String {
    "dbo".into()
}

fn bookkeeping_schema() -> String {
    "_dstream".into()
}

fn takeover_timeout() -> TimeSpan {
    TimeSpan::from_millis(20_000)
}

impl Settings {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check(&self) -> Result<()> {
        for (path, name) in
            [("schema", &self.schema), ("bookkeeping_schema", &self.bookkeeping_schema)]
        {
            if name.is_empty() {
                let message = format!("`{path}` is empty: leave it out to use the default");
                return Err(Error::config(path, message));
            }
        }
        if self.takeover_timeout.as_millis() < 1000 {
            let message = "`takeover_timeout` is too short: a run says that it lives four times in it, so at least 1s";
            return Err(Error::config("takeover_timeout", message));
        }
        self.connection.config().map(drop)
    }
}
