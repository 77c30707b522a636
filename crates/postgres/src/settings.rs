//! The part of a config block that says where the server is.

use dstream_sdk::schemars::{self, JsonSchema};
use dstream_sdk::{Secret, TimeSpan};
use serde::Deserialize;

/// Where the server is and who asks: a `url`, separate settings, or both; a separate setting wins.
/// Meant to be flattened into a provider's config.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConnectionSettings {
    /// A URL (`postgresql://user@host:5432/database?sslmode=verify-full`) or the key=value form
    /// (`host=db user=app dbname=shop`), as libpq takes them.
    pub url: Option<Secret>,
    /// The server's name or address, or the folder of its Unix socket; several, separated by
    /// commas, are tried in order. Default: localhost.
    pub host: Option<String>,
    /// Default: 5432.
    pub port: Option<u16>,
    /// Default: the user's name.
    pub database: Option<String>,
    /// The role to log in as.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// `disable`, `prefer`, `require`, `verify-ca` or `verify-full`. Default: `prefer`.
    pub sslmode: Option<SslMode>,
    /// A file with the certificates that the server's may be signed by. Default: those of the
    /// system.
    pub sslrootcert: Option<String>,
    /// A file with the client's certificate.
    pub sslcert: Option<String>,
    /// A file with its key.
    pub sslkey: Option<String>,
    /// How the sessions are called in `pg_stat_activity`. Default: `dstream`.
    pub application_name: Option<String>,
    /// How long a connection may take to come about. Default: 10 s.
    pub connect_timeout: Option<TimeSpan>,
    /// Options of the server for the sessions: `-c search_path=sales`.
    pub options: Option<String>,
}

/// How a connection is encrypted, and what is checked of the server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted where the server can; nothing is checked.
    #[default]
    #[serde(alias = "allow")]
    Prefer,
    /// Encrypted; nothing is checked, unless `sslrootcert` is set.
    Require,
    /// Encrypted, and the certificate is signed by one that is trusted.
    VerifyCa,
    /// The same, and it is the certificate of the host that was asked for.
    VerifyFull,
}

impl SslMode {
    /// The mode by libpq's name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}
