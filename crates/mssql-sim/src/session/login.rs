//! LOGIN7 is answered: LOGINACK and ENVCHANGE, or error 18456.

use std::sync::Arc;

use super::{Core, Session};
use crate::error::SqlError;
use crate::server::Server;
use crate::tds::{Login, Tokens};

impl Session {
    /// `None`: the login was refused, and the answer says so.
    pub(crate) fn log_in(
        server: Arc<Server>,
        login: Login,
        fed_auth: bool,
        packet_size: u32,
        mut tokens: Tokens,
    ) -> Option<Self> {
        let user = match check(&server, &login) {
            Ok(user) => user,
            Err(errors) => {
                for error in errors {
                    tokens.error(&error, crate::SERVER_NAME, 1);
                }
                tokens.final_done(true);
                tokens.close();
                return None;
            }
        };
        let database =
            if login.database.is_empty() { "master".to_owned() } else { login.database.clone() };
        let database =
            server.world().database(&database).map(|d| d.name.clone()).unwrap_or(database);
        let mut core = Core::new(server.clone(), user, database.clone(), login.application);
        core.host = login.host;
        server.counters.login();
        tokens.env_text(1, &database, "master");
        tokens.info(&changed_database(&database), crate::SERVER_NAME, 1);
        tokens.env_collation();
        tokens.env_text(2, "us_english", "");
        let info = SqlError {
            class: 10,
            ..SqlError::new(5703, "Changed language setting to us_english.")
        };
        tokens.info(&info, crate::SERVER_NAME, 1);
        tokens.login_ack();
        tokens.env_text(4, &packet_size.to_string(), "4096");
        if fed_auth && login.token.is_some() {
            tokens.fed_auth_ack();
        }
        tokens.final_done(false);
        tokens.end(false);
        Some(Self::new(core, tokens))
    }
}

pub(super) fn changed_database(database: &str) -> SqlError {
    SqlError {
        class: 10,
        state: 2,
        ..SqlError::new(5701, format!("Changed database context to '{database}'."))
    }
}

/// The login's name.
fn check(server: &Server, login: &Login) -> Result<String, Vec<SqlError>> {
    let failed = |user: &str| {
        vec![SqlError::new(18_456, format!("Login failed for user '{user}'.")).class(14)]
    };
    let user = match &login.token {
        Some(token) => {
            if server.options.token.as_ref() != Some(token) {
                return Err(failed("<token-identified principal>"));
            }
            "sa".to_owned()
        }
        None => {
            let world = server.world();
            if world.logins.get(&login.user.to_lowercase()) != Some(&login.password) {
                return Err(failed(&login.user));
            }
            login.user.clone()
        }
    };
    if !login.database.is_empty() && server.world().database(&login.database).is_err() {
        let cannot = SqlError::new(
            4060,
            format!(
                "Cannot open database \"{}\" requested by the login. The login failed.",
                login.database
            ),
        )
        .class(11);
        return Err([vec![cannot], failed(&user)].concat());
    }
    Ok(user)
}
