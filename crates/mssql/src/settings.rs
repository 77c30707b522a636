//! The settings that say where the server is and who connects.

use std::time::Duration;

use dstream_sdk::{Error, Result, Secret, TimeSpan};
use schemars::JsonSchema;
use serde::Deserialize;
use tiberius::{AuthMethod, Config, EncryptionLevel};

/// Where the server is, and who connects. A connection string or the single settings; a single one
/// wins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Connection {
    /// An ADO.NET connection string (`Server=db,1433;Database=shop;User Id=app;Password=…`) or a JDBC one
    /// (`jdbc:sqlserver://db:1433;databaseName=shop;…`).
    #[serde(default, alias = "connection_string")]
    pub db_connection_string: Option<Secret>,
    /// The server's host. Default: 127.0.0.1.
    #[serde(default)]
    pub host: Option<String>,
    /// The server's port. Default: 1433.
    #[serde(default)]
    pub port: Option<u16>,
    /// The database.
    #[serde(default)]
    pub database: Option<String>,
    /// The login's name.
    #[serde(default)]
    pub user: Option<String>,
    /// The login's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A token of Microsoft Entra ID for `https://database.windows.net/`, in place of user and password.
    #[serde(default)]
    pub entra_token: Option<Secret>,
    /// `required`: encrypted, the certificate checked. `strict`: encrypted before anything is said (TDS 8.0).
    /// `login`: the login alone. `disabled`: nothing. Default: what the connection string says, else `required`.
    #[serde(default)]
    pub encrypt: Option<Encrypt>,
    /// Whether any certificate of the server will do. Default: what the connection string says, else false.
    #[serde(default)]
    pub trust_server_certificate: Option<bool>,
    /// A file with the authority (PEM or DER) that signed the server's certificate.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Whether a read-only replica of an availability group is meant (`ApplicationIntent=ReadOnly`).
    #[serde(default)]
    pub read_only: Option<bool>,
    /// How long connecting and logging in may take. Default: 15 s.
    #[serde(default)]
    pub connect_timeout: Option<TimeSpan>,
    /// How long the server may say nothing during a statement. Default: 30 s.
    #[serde(default)]
    pub command_timeout: Option<TimeSpan>,
}

/// What is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encrypt {
    /// Everything, from the first byte on.
    Strict,
    /// Everything.
    Required,
    /// The login.
    Login,
    /// Nothing.
    Disabled,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

impl Connection {
    /// How long connecting and logging in may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout.map_or(CONNECT_TIMEOUT, Duration::from)
    }

    /// How long the server may say nothing during a statement.
    pub fn command_timeout(&self) -> Duration {
        self.command_timeout.map_or(COMMAND_TIMEOUT, Duration::from)
    }

    /// What the driver wants.
    ///
    /// # Errors
    /// Kind `config`, with the setting.
    pub fn config(&self) -> Result<Config> {
        let mut config = match &self.db_connection_string {
            Some(text) => parse(text.expose())?,
            None => Config::new(),
        };
        if let Some(host) = &self.host {
            config.host(host);
        } else if self.db_connection_string.is_none() {
            config.host("127.0.0.1");
        }
        if let Some(port) = self.port {
            config.port(port);
        }
        if let Some(database) = &self.database {
            config.database(database);
        }
        self.login(&mut config)?;
        match self.encrypt {
            Some(Encrypt::Strict) => config.encryption(EncryptionLevel::Strict),
            Some(Encrypt::Required) => config.encryption(EncryptionLevel::Required),
            Some(Encrypt::Login) => config.encryption(EncryptionLevel::Off),
            Some(Encrypt::Disabled) => config.encryption(EncryptionLevel::NotSupported),
            None => {}
        }
        match (&self.ca_file, self.trust_server_certificate) {
            (Some(_), Some(true)) => {
                let text = "`ca_file` and `trust_server_certificate = true` exclude each other";
                return Err(Error::config("ca_file", text));
            }
            (Some(path), _) => config.trust_cert_ca(path),
            (None, Some(true)) => config.trust_cert(),
            (None, _) => {}
        }
        if let Some(read_only) = self.read_only {
            config.readonly(read_only);
        }
        config.application_name("dstream");
        config.handshake_timeout(Some(self.connect_timeout()));
        // The session itself watches over `command_timeout`, and names it.
        config.command_timeout(None);
        Ok(config)
    }

    fn login(&self, config: &mut Config) -> Result<()> {
        match (&self.entra_token, &self.user, &self.password) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                let text = "`entra_token` stands in place of `user` and `password`";
                return Err(Error::config("entra_token", text));
            }
            (Some(token), None, None) => {
                config.authentication(AuthMethod::aad_token(token.expose()));
            }
            (None, Some(user), Some(password)) => {
                config.authentication(AuthMethod::sql_server(user, password.expose()));
            }
            (None, Some(_), None) => {
                return Err(Error::config("password", "`user` needs `password` beside it"));
            }
            (None, None, Some(_)) => {
                return Err(Error::config("user", "`password` needs `user` beside it"));
            }
            (None, None, None) if self.db_connection_string.is_none() => {
                let text = "say who connects: `user` and `password`, or `entra_token`, or a `db_connection_string`";
                return Err(Error::config("user", text));
            }
            (None, None, None) => {}
        }
        Ok(())
    }

    /// The server's address, for messages.
    pub fn address(&self) -> String {
        self.config().map(|config| config.get_addr()).unwrap_or_default()
    }
}

fn parse(text: &str) -> Result<Config> {
    let jdbc = text.trim_start().to_ascii_lowercase().starts_with("jdbc:");
    let parsed = match jdbc {
        true => Config::from_jdbc_string(text),
        false => Config::from_ado_string(text),
    };
    // The driver's words may hold a piece of the text, and so the password.
    parsed.map_err(|_| {
        Error::config(
            "db_connection_string",
            "the connection string cannot be read; expected is `Server=host,1433;Database=…;User Id=…;Password=…` \
             or `jdbc:sqlserver://host:1433;databaseName=…;user=…;password=…`; a value with `;` in it stands in double \
             quotes (ADO.NET) or braces (JDBC)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: serde_json::Value) -> Connection {
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn both_kinds_of_connection_strings_are_understood_and_single_settings_win() {
        for text in [
            "Server=tcp:db.example,1499;Database=shop;User Id=app;Password=x;Encrypt=False",
            "jdbc:sqlserver://db.example:1499;databaseName=shop;user=app;password=x",
        ] {
            assert_eq!(read(json!({"db_connection_string": text})).address(), "db.example:1499");
            let other = read(json!({"connection_string": text, "port": 7}));
            assert_eq!(other.address(), "db.example:7");
        }
        let single = read(json!({"user": "a", "password": "b"}));
        assert_eq!(single.address(), "127.0.0.1:1433");
    }

    #[test]
    fn what_is_missing_or_too_much_is_said_by_its_setting() {
        for (json, path) in [
            (json!({}), "user"),
            (json!({"user": "a"}), "password"),
            (json!({"password": "a"}), "user"),
            (json!({"user": "a", "password": "b", "entra_token": "c"}), "entra_token"),
            (
                json!({"entra_token": "c", "ca_file": "x", "trust_server_certificate": true}),
                "ca_file",
            ),
            (json!({"db_connection_string": "jdbc:oracle:thin:hidden"}), "db_connection_string"),
        ] {
            let error = read(json).config().unwrap_err();
            assert_eq!(error.path(), Some(path), "{error}");
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }
}
