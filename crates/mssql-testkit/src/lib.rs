//! A SQL Server database for one test, which does not know where it is: on a simulator of its own,
//! or on the server whose connection string is in `DSTREAM_TEST_MSSQL_URL`. It is made new, and
//! dropped afterwards.
//!
//! What a test needs is asked for in T-SQL, of SQL Server 2016 and later. A test of what only the
//! simulator can do says so by [`Database::simulator`]. Change data capture is read from the log when
//! [`Database::scan`] says so and at no other time, on both.
//!
//! Never in a release binary. It panics as a test does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod cdc;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dstream_mssql::tiberius::ColumnData;
use dstream_mssql::{Connection, Session, name};
use dstream_mssql_sim::{MssqlSim, Options};
use serde_json::json;
use tokio::runtime::Runtime;

/// The variable that names a real server: an ADO.NET connection string without a database, of a
/// login that may make databases and logins.
pub const URL: &str = "DSTREAM_TEST_MSSQL_URL";

/// A database for one test.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: String,
    sim: Option<Sim>,
    session: Mutex<Option<Session>>,
    /// Made by the test: a login is the server's, and does not go with the database.
    logins: Mutex<Vec<String>>,
    runtime: Runtime,
}

struct Sim(MssqlSim);

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sim").field(&self.0.address()).finish()
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Database {
    /// A new one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dstream_test_{}_{number}", std::process::id());
        let (server, sim) = match std::env::var(URL) {
            Ok(server) => (server.trim_end_matches(';').to_owned(), None),
            Err(_) => {
                let sim = MssqlSim::start(Options::default()).unwrap();
                let address = sim.address();
                let server = format!(
                    "Server=tcp:{},{};User ID=sa;Password={};TrustServerCertificate=true",
                    address.ip(),
                    address.port(),
                    Options::default().sa_password
                );
                (server, Some(Sim(sim)))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (session, logins) = (Mutex::default(), Mutex::default());
        let made = Self { name, server, sim, session, logins, runtime };
        made.on_server(&format!("CREATE DATABASE {}", name_of(&made)));
        made
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An ADO.NET connection string of it, for an administrator.
    pub fn connection_string(&self) -> String {
        format!("{};Database={}", self.server, self.name)
    }

    /// The same for another login.
    pub fn connection_string_of(&self, user: &str, password: &str) -> String {
        let others = self.server.split(';').filter(|part| {
            let key = part.split('=').next().unwrap_or_default().to_lowercase().replace(' ', "");
            !matches!(key.as_str(), "userid" | "uid" | "user" | "password" | "pwd")
        });
        let others = others.collect::<Vec<_>>().join(";");
        format!("{others};User ID={user};Password={password};Database={}", self.name)
    }

    /// The simulator's controls, where it is one. On a real server `why` is said, and a test that
    /// needs them ends: it is about the simulator only.
    pub fn simulator(&self, why: &str) -> Option<&MssqlSim> {
        if self.sim.is_none() {
            eprintln!("for the simulator only: {why}");
        }
        self.sim.as_ref().map(|sim| &sim.0)
    }

    /// Whether it is a real server, which has what no simulator does. Where it is one, `why` is said.
    pub fn is_real(&self, why: &str) -> bool {
        if self.sim.is_some() {
            eprintln!("for a real server only: {why}");
        }
        self.sim.is_none()
    }

    /// A login with a user in this database, which may do nothing; its name.
    pub fn user(&self, role: &str, password: &str) -> String {
        let login = format!("{}_{role}", self.name);
        self.sql(&format!(
            "CREATE LOGIN {login} WITH PASSWORD = '{password}'; CREATE USER {login} FOR LOGIN {login}"
        ));
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).push(login.clone());
        login
    }

    /// Runs a batch; the rows of its last answer as text, `None` for null.
    ///
    /// # Errors
    /// The server's.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let connection = self.connection_string();
        let mut session = self.session();
        let answered = self.runtime.block_on(async {
            // What the test has ended is begun anew.
            if session.as_mut().is_none_or(|session| !session.is_usable()) {
                *session = Some(connect(&connection).await?);
            }
            let session = session.as_mut().ok_or("no session")?;
            session.query(sql).await.map_err(|error| error.to_string())
        })?;
        let last = answered.into_iter().last().unwrap_or_default();
        Ok(last.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
    }

    /// Runs a batch that cannot fail; of its last answer the values with `|` between them, rows with
    /// newlines, null as nothing.
    pub fn sql(&self, sql: &str) -> String {
        let rows = self.rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let row = |row: Vec<Option<String>>| {
            row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|")
        };
        rows.into_iter().map(row).collect::<Vec<_>>().join("\n")
    }

    /// Ends the sessions of the programs under test in this database.
    pub fn disconnect(&self) {
        self.sql(
            "DECLARE @kill nvarchar(max) = N''; \
             SELECT @kill = @kill + N'KILL ' + CAST(session_id AS nvarchar(10)) + N'; ' \
             FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND session_id <> @@SPID; \
             EXEC (@kill)",
        );
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_server(&self, sql: &str) {
        let done = self.runtime.block_on(async {
            let mut session = connect(&self.server).await?;
            session.run(sql).await.map_err(|error| error.to_string())
        });
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.session().take();
        if self.sim.is_none() && !std::thread::panicking() {
            let name = name_of(self);
            self.on_server(&format!(
                "ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE {name}"
            ));
            let logins =
                std::mem::take(&mut *self.logins.lock().unwrap_or_else(PoisonError::into_inner));
            logins.iter().for_each(|login| self.on_server(&format!("DROP LOGIN {login}")));
        }
    }
}

fn name_of(database: &Database) -> String {
    name(&database.name)
}

async fn connect(connection: &str) -> Result<Session, String> {
    let settings: Connection =
        serde_json::from_value(json!({ "db_connection_string": connection })).unwrap();
    Session::connect(&settings).await.map_err(|error| error.to_string())
}

fn text(value: ColumnData<'_>) -> Option<String> {
    match value {
        ColumnData::String(text) => text.map(Into::into),
        ColumnData::Bit(bit) => bit.map(|bit| u8::from(bit).to_string()),
        other => {
            let mut json = Vec::new();
            dstream_mssql::write_json(&other, &mut json);
            let json = String::from_utf8(json).unwrap();
            (json != "null").then(|| json.trim_matches('"').to_owned())
        }
    }
}
