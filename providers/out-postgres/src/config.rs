//! What only PostgreSQL has to set.

use dstream_postgres::ConnectionSettings;
use dstream_sdk::{Error, Result, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// More would wait for each other, and for the rows.
const MAX_CONNECTIONS: usize = 16;

/// Which server, which schemas, and how long to wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) connection: ConnectionSettings,
    /// The schema of tables whose name does not say one.
    #[serde(default = "public")]
    pub(crate) schema: String,
    /// The schema of the tables that keep the checkpoints. Made where it is not there.
    #[serde(default = "bookkeeping_schema")]
    pub(crate) bookkeeping_schema: String,
    /// When a commit counts as durable: `on`, `remote_apply`, `remote_write` or `local`, as the
    /// server's setting of that name. There is no `off`: what is committed must survive a crash.
    #[serde(default)]
    pub(crate) synchronous_commit: SynchronousCommit,
    /// How long one statement may take. Default: no limit.
    #[serde(default)]
    pub(crate) statement_timeout: Option<TimeSpan>,
    /// How long to wait for a lock that another session holds. Default: no limit.
    #[serde(default)]
    pub(crate) lock_timeout: Option<TimeSpan>,
    /// How many connections write rows. More than one needs as many prepared transactions less one
    /// on the server (`max_prepared_transactions`).
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub(crate) connections: usize,
    /// With several connections: a transaction that begins with fewer changes than this is written by
    /// one of them.
    #[serde(default = "worth_sharing")]
    pub(crate) connections_min_changes: usize,
    /// An older run that has a transaction open and does not answer for so long is ended by the
    /// server, so that a newer one can take over.
    #[serde(default = "takeover_timeout")]
    pub(crate) takeover_timeout: TimeSpan,
}

/// When a commit counts as durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SynchronousCommit {
    /// On the server's disk, and on that of its synchronous standbys.
    #[default]
    On,
    /// The standbys have applied it as well.
    RemoteApply,
    /// The standbys have received it.
    RemoteWrite,
    /// On the server's own disk.
    Local,
}

impl SynchronousCommit {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::RemoteApply => "remote_apply",
            Self::RemoteWrite => "remote_write",
            Self::Local => "local",
        }
    }
}

fn public() -> String {
    "public".into()
}

fn bookkeeping_schema() -> String {
    "_dstream".into()
}

fn one() -> usize {
    1
}

fn worth_sharing() -> usize {
    500
}

fn takeover_timeout() -> TimeSpan {
    TimeSpan::from_millis(20_000)
}

impl Settings {
    /// What can be seen to be wrong before anything is opened.
    pub(crate) fn check(&self) -> Result<()> {
        for (path, text) in
            [("schema", &self.schema), ("bookkeeping_schema", &self.bookkeeping_schema)]
        {
            if text.is_empty() {
                let message = format!("`{path}` is empty: leave it out to use the default");
                return Err(Error::config(path, message));
            }
        }
        if self.takeover_timeout.as_millis() < 1000 {
            let message = "`takeover_timeout` is too short: at least 1s, or a busy run is ended";
            return Err(Error::config("takeover_timeout", message));
        }
        if !(1..=MAX_CONNECTIONS).contains(&self.connections) {
            let message = format!("`connections` is {}: 1 to {MAX_CONNECTIONS}", self.connections);
            return Err(Error::config("connections", message));
        }
        self.connection.target().map(drop)
    }
}
