//! The settings that say where the server is and who connects.

use dstream_sdk::{Error, Result, Secret, TimeSpan};
use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the server is, and who connects. `url` or the single settings; a single one wins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Connection {
    /// `mysql://user:password@host:3306/database`. Special characters are percent-encoded.
    #[serde(default)]
    pub url: Option<Secret>,
    /// The server's host. Default: 127.0.0.1.
    #[serde(default)]
    pub host: Option<String>,
    /// The server's port. Default: 3306.
    #[serde(default)]
    pub port: Option<u16>,
    /// A Unix socket, in place of host and port.
    #[serde(default)]
    pub socket: Option<String>,
    /// The user.
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The database that names without one belong to.
    #[serde(default)]
    pub database: Option<String>,
    /// Whether the connection is encrypted, and what of the server's certificate is checked.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Certificates (PEM) that the server's is checked against, in place of the public ones.
    #[serde(default)]
    pub ssl_ca: Option<String>,
    /// The client's certificate (PEM), where the server wants one.
    #[serde(default)]
    pub ssl_cert: Option<String>,
    /// The key (PEM) of the client's certificate.
    #[serde(default)]
    pub ssl_key: Option<String>,
    /// How long connecting may take. Default: 10 s.
    #[serde(default)]
    pub connect_timeout: Option<TimeSpan>,
}

/// The words of MySQL's own clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SslMode {
    /// Not encrypted.
    Disabled,
    /// Encrypted where the server can; its certificate is not checked.
    #[default]
    Preferred,
    /// Encrypted; the certificate is not checked.
    Required,
    /// Encrypted; the certificate must be signed by one of the authorities.
    VerifyCa,
    /// The same, and be made out to the host.
    VerifyIdentity,
}

impl Connection {
    /// The options of the driver; with or without TLS, as it is asked.
    pub(crate) fn opts(&self, tls: bool) -> Result<Opts> {
        let opts = match &self.url {
            Some(url) => Opts::from_url(url.expose()).map_err(|e| {
                let form = "expected is mysql://user:password@host:3306/database, with special characters percent-encoded";
                Error::config("url", format!("the URL cannot be read: {e}; {form}"))
            })?,
            None => Opts::default(),
        };
        let mut builder = OptsBuilder::from_opts(opts.clone());
        builder = match (&self.host, &self.url) {
            (Some(host), _) => builder.ip_or_hostname(host.as_str()),
            (None, None) => builder.ip_or_hostname("127.0.0.1"),
            (None, Some(_)) => builder,
        };
        if let Some(port) = self.port {
            builder = builder.tcp_port(port);
        }
        if let Some(user) = &self.user {
            builder = builder.user(Some(user.as_str()));
        }
        if let Some(password) = &self.password {
            builder = builder.pass(Some(password.expose()));
        }
        if let Some(database) = &self.database {
            builder = builder.db_name(Some(database.as_str()));
        }
        builder = builder.socket(self.socket.as_deref()).prefer_socket(self.socket.is_some());
        // A row that an UPDATE finds counts, also where it has those values already.
        builder = builder.tcp_keepalive(Some(30_000_u32)).client_found_rows(true);
        Ok(builder.ssl_opts(tls.then(|| self.ssl()).transpose()?).into())
    }

    fn ssl(&self) -> Result<SslOpts> {
        let mut ssl = SslOpts::default();
        if let Some(path) = &self.ssl_ca {
            let root = std::path::PathBuf::from(path).into();
            ssl = ssl.with_root_certs(vec![root]).with_disable_built_in_roots(true);
        }
        match (&self.ssl_cert, &self.ssl_key) {
            (Some(cert), Some(key)) => {
                let (cert, key) = (std::path::PathBuf::from(cert), std::path::PathBuf::from(key));
                ssl = ssl.with_client_identity(Some(ClientIdentity::new(cert.into(), key.into())));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(Error::config("ssl_cert", "`ssl_cert` needs `ssl_key` beside it"));
            }
            (None, Some(_)) => {
                return Err(Error::config("ssl_key", "`ssl_key` needs `ssl_cert` beside it"));
            }
        }
        Ok(match self.ssl_mode {
            SslMode::VerifyIdentity => ssl,
            SslMode::VerifyCa => ssl.with_danger_skip_domain_validation(true),
            _ => ssl.with_danger_accept_invalid_certs(true),
        })
    }

    /// The server's address, for messages.
    pub fn address(&self) -> String {
        match (&self.socket, self.opts(false)) {
            (Some(socket), _) => socket.clone(),
            (None, Ok(opts)) => format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port()),
            (None, Err(_)) => "the server".into(),
        }
    }

    /// The database that names without one belong to.
    pub fn default_database(&self) -> Option<String> {
        let opts = self.opts(false).ok()?;
        opts.db_name().filter(|name| !name.is_empty()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Connection {
        Connection { url: Some(Secret::new(url)), ..Connection::default() }
    }

    #[test]
    fn a_single_setting_wins_over_the_url() {
        let mut settings = settings("mysql://ann:a%40b@db.example:3307/shop");
        assert_eq!(settings.address(), "db.example:3307");
        assert_eq!(settings.opts(false).unwrap().pass(), Some("a@b"));
        assert_eq!(settings.default_database().as_deref(), Some("shop"));
        settings.host = Some("other".into());
        settings.database = Some("sales".into());
        assert_eq!(settings.address(), "other:3307");
        assert_eq!(settings.default_database().as_deref(), Some("sales"));
        assert_eq!(Connection::default().address(), "127.0.0.1:3306");
    }

    #[test]
    fn a_url_that_cannot_be_read_says_what_is_expected_and_not_what_it_was() {
        let error = settings("postgres://ann:hunter2@db").opts(false).unwrap_err();
        assert_eq!(error.path(), Some("url"));
        assert!(error.to_string().contains("mysql://user:password@host"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let settings = Connection { ssl_cert: Some("c.pem".into()), ..Connection::default() };
        assert_eq!(settings.opts(true).unwrap_err().path(), Some("ssl_cert"));
    }
}
