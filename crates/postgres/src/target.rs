//! The settings once they are read: which server, which login, how encrypted.

use std::path::PathBuf;
use std::time::Duration;

use dstream_sdk::{Error, Result, Secret};

use crate::SESSION;
use crate::conninfo;
use crate::settings::{ConnectionSettings, SslMode};

const DEFAULT_PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const VALID: &str = "host, port, dbname, user, password, sslmode, sslrootcert, sslcert, sslkey, \
                     application_name, connect_timeout, options";

/// A server and a login.
#[derive(Debug, Clone)]
pub struct Target {
    /// Tried in order.
    pub hosts: Vec<Host>,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) ssl: SslMode,
    pub(crate) root_cert: Option<String>,
    pub(crate) client_cert: Option<(String, String)>,
    /// How the sessions are called in `pg_stat_activity`.
    pub application_name: String,
    pub(crate) connect_timeout: Duration,
    options: Option<String>,
}

/// One place where the server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Name or address, and port.
    Tcp(String, u16),
    /// The socket's file.
    Unix(PathBuf),
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(name, port) if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl ConnectionSettings {
    /// Reads the URL and puts the separate settings over it.
    ///
    /// # Errors
    /// Kind `config`, with the setting's path.
    pub fn target(&self) -> Result<Target> {
        let mut all = Collected::default();
        for (key, value) in
            self.url.as_ref().map_or(Ok(Vec::new()), |u| conninfo::parse(u.expose()))?
        {
            all.take(&key, value)?;
        }
        all.overrule(self);
        all.target()
    }
}

#[derive(Default)]
struct Collected {
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    ssl: Option<SslMode>,
    root_cert: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    application_name: Option<String>,
    timeout: Option<Duration>,
    options: Option<String>,
}

impl Collected {
    fn take(&mut self, key: &str, value: String) -> Result<()> {
        let wrong = |text: String| Err(Error::config("url", text));
        match key {
            "host" | "hostaddr" => self.host = Some(value),
            "port" => self.port = Some(value),
            "dbname" => self.database = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(Secret::new(value)),
            "sslmode" => match SslMode::from_name(&value) {
                Some(mode) => self.ssl = Some(mode),
                None => {
                    return wrong(format!(
                        "`{value}` is no sslmode; valid: disable, prefer, require, verify-ca, verify-full"
                    ));
                }
            },
            "sslrootcert" => self.root_cert = Some(value),
            "sslcert" => self.cert = Some(value),
            "sslkey" => self.key = Some(value),
            "application_name" => self.application_name = Some(value),
            "options" => self.options = Some(value),
            "connect_timeout" => match value.parse() {
                Ok(seconds) => self.timeout = Some(Duration::from_secs(seconds)),
                Err(_) => {
                    return wrong(format!(
                        "`connect_timeout` is a number of seconds, not `{value}`"
                    ));
                }
            },
            _ => return wrong(format!("`{key}` is no parameter of a connection; valid: {VALID}")),
        }
        Ok(())
    }

    fn overrule(&mut self, settings: &ConnectionSettings) {
        fn over<T: Clone>(slot: &mut Option<T>, setting: &Option<T>) {
            if setting.is_some() {
                slot.clone_from(setting);
            }
        }
        over(&mut self.host, &settings.host);
        over(&mut self.port, &settings.port.map(|p| p.to_string()));
        over(&mut self.database, &settings.database);
        over(&mut self.user, &settings.user);
        over(&mut self.password, &settings.password);
        over(&mut self.ssl, &settings.sslmode);
        over(&mut self.root_cert, &settings.sslrootcert);
        over(&mut self.cert, &settings.sslcert);
        over(&mut self.key, &settings.sslkey);
        over(&mut self.application_name, &settings.application_name);
        over(&mut self.timeout, &settings.connect_timeout.map(Duration::from));
        over(&mut self.options, &settings.options);
    }

    fn target(self) -> Result<Target> {
        let hosts = hosts(self.host.as_deref().unwrap_or("localhost"), self.port.as_deref())?;
        let user = self.user.filter(|u| !u.is_empty()).ok_or_else(|| {
            Error::config(
                "user",
                "`user` is missing: say as which role to log in, in `user` or in the `url`",
            )
        })?;
        let client_cert = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Error::config("sslkey", "`sslcert` is set, and `sslkey` is not"));
            }
            (None, Some(_)) => {
                return Err(Error::config("sslcert", "`sslkey` is set, and `sslcert` is not"));
            }
        };
        Ok(Target {
            hosts,
            database: self.database.unwrap_or_else(|| user.clone()),
            user,
            password: self.password,
            ssl: self.ssl.unwrap_or_default(),
            root_cert: self.root_cert,
            client_cert,
            application_name: self.application_name.unwrap_or_else(|| "dstream".into()),
            connect_timeout: self.timeout.unwrap_or(CONNECT_TIMEOUT),
            options: self.options,
        })
    }
}

fn hosts(names: &str, ports: Option<&str>) -> Result<Vec<Host>> {
    let ports: Vec<&str> = ports.map_or(Vec::new(), |p| p.split(',').map(str::trim).collect());
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if ports.len() > 1 && ports.len() != names.len() {
        let text = format!(
            "there are {} hosts and {} ports: give one port, or one for each host",
            names.len(),
            ports.len()
        );
        return Err(Error::config("port", text));
    }
    let host = |(i, name): (usize, &&str)| {
        let port = match ports.get(i).or(ports.first()) {
            None | Some(&"") => DEFAULT_PORT,
            Some(text) => text
                .parse()
                .map_err(|_| Error::config("port", format!("`{text}` is no port: 1 to 65535")))?,
        };
        Ok(match name.starts_with('/') {
            true => Host::Unix(PathBuf::from(name).join(format!(".s.PGSQL.{port}"))),
            false => Host::Tcp((*name).to_owned(), port),
        })
    };
    names.iter().enumerate().map(host).collect()
}

impl Target {
    /// The server's options for a session: the user's, then [`SESSION`], which wins.
    pub(crate) fn session_options(&self) -> String {
        match &self.options {
            Some(options) => format!("{options} {SESSION}"),
            None => SESSION.to_owned(),
        }
    }

    /// For people: `app@db:5432/shop`.
    pub fn describe(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(json: serde_json::Value) -> Result<Target> {
        dstream_sdk::config::read::<ConnectionSettings>(json)?.target()
    }

    #[test]
    fn a_separate_setting_wins_over_the_url() {
        let t = target(
            serde_json::json!({"url": "postgres://u:p@h1:1/d1?sslmode=require", "host": "h2", "database": "d2"}),
        );
        let t = t.unwrap();
        assert_eq!(t.describe(), "u@h2:1/d2");
        assert_eq!(t.ssl, SslMode::Require);
        assert!(!format!("{t:?}").contains("\"p\""));
    }

    #[test]
    fn several_hosts_share_a_port_or_have_one_each() {
        let t = target(serde_json::json!({"host": "a,b", "port": 7, "user": "u"})).unwrap();
        assert_eq!(t.hosts, [Host::Tcp("a".into(), 7), Host::Tcp("b".into(), 7)]);
        let t = target(serde_json::json!({"url": "postgres://u@a:1,b:2,c"})).unwrap();
        assert_eq!(t.describe(), "u@a:1,b:2,c:5432/u");
        let t = target(serde_json::json!({"url": "host=/run port=9 user=u"})).unwrap();
        assert_eq!(t.hosts, [Host::Unix("/run/.s.PGSQL.9".into())]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_with_the_setting_that_it_is_about() {
        for (json, path, says) in [
            (serde_json::json!({"host": "h"}), "user", "is missing"),
            (serde_json::json!({"url": "host=h usr=x"}), "url", "valid: host, port, dbname"),
            (serde_json::json!({"url": "host=h sslmode=on"}), "url", "verify-full"),
            (
                serde_json::json!({"url": "host=a,b,c port=1,2 user=u"}),
                "port",
                "3 hosts and 2 ports",
            ),
            (serde_json::json!({"user": "u", "sslcert": "c"}), "sslkey", "`sslcert` is set"),
        ] {
            let error = target(json).unwrap_err();
            assert_eq!(error.path(), Some(path), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn our_session_settings_stand_behind_those_of_the_user() {
        let t = target(serde_json::json!({"user": "u", "options": "-c datestyle=German"})).unwrap();
        assert!(t.session_options().starts_with("-c datestyle=German -c datestyle=ISO"));
    }
}
