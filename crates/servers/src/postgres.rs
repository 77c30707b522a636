//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::guard::Guard;
use crate::{PATIENCE, account, free_port, program, tail};

mod copies;

const USER: &str = "postgres";

/// A PostgreSQL server with a superuser `postgres` who needs no password.
///
/// `fsync` is on, as in production: what it has committed survives [`kill`](Self::kill), and a
/// machine that crashes as well.
#[derive(Debug)]
pub struct Postgres {
    guard: Option<Guard>,
    folder: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
}

impl Postgres {
    /// Makes a cluster and starts it with these settings (`wal_level`, `max_wal_senders`, …).
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start; with the end of its log.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix("dstream-postgres-").expect("a temporary folder").keep();
        account::give(&folder, USER);
        let mut initdb = account::command(USER, &binary("initdb"));
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--no-instructions"]);
        initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "-D"]).arg(folder.join("data"));
        let done = initdb.current_dir(&folder).output().expect("initdb starts");
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let settings = settings.iter().map(owned).collect();
        let mut server = Self { guard: None, folder, port: free_port(), settings };
        server.launch();
        server
    }

    /// A connection string for a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's own process.
    pub fn pid(&self) -> Option<u32> {
        self.guard.as_ref().map(|guard| guard.pid)
    }

    /// Makes a database, for a test by itself.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn create_database(&self, name: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// Runs statements, each in a transaction of its own, and gives what they answer: a line a row,
    /// `|` between values.
    ///
    /// # Panics
    /// When one fails; with the server's words.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, with the server's words where one fails.
    ///
    /// # Errors
    /// What psql wrote to stderr.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = self.tool("psql", database);
        let done = psql
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .expect("psql starts");
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
    }

    /// One of PostgreSQL's own programs (`pgbench`, `pg_dump`, `pg_recvlogical`), told where the
    /// server is.
    pub fn tool(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(binary(name));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", database)
            .env("PGCONNECT_TIMEOUT", "10");
        command
    }

    /// Where the cluster stands.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// SIGKILL for the server and all its processes.
    pub fn kill(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.kill();
        }
    }

    /// Starts it again, on the same folder and port, after [`kill`](Self::kill) or with other
    /// settings.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self, settings: &[(&str, &str)]) {
        self.kill();
        for (name, value) in settings {
            self.settings.retain(|(n, _)| n != name);
            self.settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.launch();
    }

    fn launch(&mut self) {
        let mut command = account::command(USER, &binary("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("unix_socket_directories={}", self.folder.display()));
        for (name, value) in &self.settings {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let log = self.folder.join("log");
        let guard = Guard::start(&command, &self.folder, &log);
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = !guard.lives();
            assert!(!ended, "PostgreSQL did not start:\n{}", tail(&log));
            assert!(Instant::now() < deadline, "PostgreSQL is not ready:\n{}", tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.guard = Some(guard);
    }

    fn answers(&self) -> bool {
        self.tool("pg_isready", "postgres").arg("-q").status().is_ok_and(|s| s.success())
    }
}

/// Debian keeps the server's programs in a folder of the version; the newest is taken.
fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|v| v.path().join("bin")).collect();
    let version = |p: &PathBuf| {
        let folder = p.parent().and_then(Path::file_name).unwrap_or_default();
        folder.to_string_lossy().parse::<u32>().unwrap_or(0)
    };
    folders.sort_by_key(|p| std::cmp::Reverse(version(p)));
    folders.insert(0, PathBuf::from(std::env::var("DSTREAM_TEST_POSTGRES").unwrap_or_default()));
    program(name, &folders, "postgresql")
}
