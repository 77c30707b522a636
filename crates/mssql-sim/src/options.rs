//! How a simulator is started.

use std::net::SocketAddr;

use crate::tds::Tls;

/// Whether connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// As the client wishes; the certificate is self-signed.
    #[default]
    Offered,
    /// The server has none: a client that insists on it is refused.
    None,
    /// A client without it is refused.
    Required,
}

/// Settings of a simulator; all have defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens. Default: `127.0.0.1:0`, a free port.
    pub address: SocketAddr,
    /// TLS. Default: offered.
    pub encryption: Encryption,
    /// The password of `sa`. Default: `Passw0rd!`.
    pub sa_password: String,
    /// An Entra token that logs in as `sa`; without one, tokens are refused.
    pub token: Option<String>,
    /// The database made at the start. Default: `sim`.
    pub database: String,
    /// The edition, as `SERVERPROPERTY('Edition')` shows it.
    pub edition: String,
    /// A `(max)` column that an UPDATE left alone is NULL in the row after it, too (operation 4).
    /// The row before it (operation 3) has NULL there in any case. Default: yes.
    pub unchanged_max_is_null: bool,
    /// The longest that a statement waits for a lock, in milliseconds, where the session has not
    /// said otherwise; a real server waits for ever. Default: 60,000.
    pub lock_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            encryption: Encryption::default(),
            sa_password: "Passw0rd!".into(),
            token: None,
            database: "sim".into(),
            edition: "Developer Edition (64-bit)".into(),
            unchanged_max_is_null: true,
            lock_timeout_ms: 60_000,
        }
    }
}

impl Options {
    pub(crate) fn tls(&self) -> Tls {
        match self.encryption {
            Encryption::None => Tls::None,
            Encryption::Offered => Tls::Offered,
            Encryption::Required => Tls::Required,
        }
    }

    pub(crate) fn logins(&self) -> Vec<(String, String)> {
        vec![("sa".into(), self.sa_password.clone())]
    }

    pub(crate) fn database_names(&self) -> Vec<&str> {
        vec![&self.database]
    }
}
