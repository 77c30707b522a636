//! MariaDB.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::guard::Guard;
use crate::{PATIENCE, account, free_port, program, tail};

const USER: &str = "mysql";

/// A MariaDB server that writes a full row binlog with GTIDs. Its user `root` needs no password.
#[derive(Debug)]
pub struct Mariadb {
    guard: Option<Guard>,
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
}

impl Mariadb {
    /// Makes a data folder and starts the server, with more options (`--binlog-format=MIXED`).
    ///
    /// # Panics
    /// When MariaDB is not installed, or does not start; with the end of its log.
    pub fn start(options: &[&str]) -> Self {
        let folder = TempDir::with_prefix("dstream-mariadb-").expect("a temporary folder").keep();
        account::give(&folder, USER);
        let mut install = account::command(USER, &binary("mariadb-install-db"));
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.args(["--skip-test-db", "--skip-name-resolve"]);
        install.arg(format!("--datadir={}", folder.join("data").display()));
        // Two that run at once would trip over each other's temporary tables.
        install.env("TMPDIR", &folder);
        let done = install.current_dir(&folder).output().expect("mariadb-install-db starts");
        assert!(
            done.status.success(),
            "mariadb-install-db: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let options = options.iter().map(|o| (*o).to_owned()).collect();
        let mut server = Self { guard: None, folder, port: free_port(), options };
        server.launch();
        server
    }

    /// A connection string for a database; empty: none is chosen.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
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
        self.sql("", &format!("CREATE DATABASE `{name}`"));
        self.url(name)
    }

    /// Runs statements and gives what they answer: a line a row, tabs between values.
    ///
    /// # Panics
    /// When one fails; with the server's words.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, with the server's words where one fails.
    ///
    /// # Errors
    /// What the client wrote to stderr.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut client = self.tool("mariadb");
        client.args(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        if !database.is_empty() {
            client.arg(format!("--database={database}"));
        }
        let done = client.args(["-e", sql]).output().expect("the client starts");
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
    }

    /// One of MariaDB's own programs (`mariadb-dump`, `mariadb-binlog`), told where the server is.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(binary(name));
        command.args(["--no-defaults", "--host=127.0.0.1", "--user=root", "--protocol=tcp"]);
        command.arg(format!("--port={}", self.port));
        command
    }

    /// Where its data stands.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// SIGKILL for the server.
    pub fn kill(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.kill();
        }
    }

    /// Starts it again, on the same folder and port, after [`kill`](Self::kill); `options` come
    /// behind those that it had.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self, options: &[&str]) {
        self.kill();
        self.options.extend(options.iter().map(|o| (*o).to_owned()));
        self.launch();
    }

    fn launch(&mut self) {
        let mut command = account::command(USER, &binary("mariadbd"));
        command.arg("--no-defaults").args(self.places()).args([
            "--bind-address=127.0.0.1",
            "--server-id=1",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--binlog-row-metadata=FULL",
            "--gtid-strict-mode=1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
        ]);
        command.args(&self.options);
        let log = self.folder.join("log");
        let guard = Guard::start(&command, &self.folder, &log);
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = !guard.lives();
            assert!(!ended, "MariaDB did not start:\n{}", tail(&log));
            assert!(Instant::now() < deadline, "MariaDB is not ready:\n{}", tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.guard = Some(guard);
    }

    fn places(&self) -> [String; 5] {
        [
            format!("--tmpdir={}", self.folder.display()),
            format!("--datadir={}", self.data().display()),
            format!("--socket={}", self.folder.join("socket").display()),
            format!("--pid-file={}", self.folder.join("pid").display()),
            format!("--port={}", self.port),
        ]
    }

    fn answers(&self) -> bool {
        let ping = self.tool("mariadb-admin").args(["--silent", "ping"]).output();
        ping.is_ok_and(|done| done.status.success())
    }
}

fn binary(name: &str) -> PathBuf {
    let folders = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
    program(name, &folders, "mariadb-server")
}
