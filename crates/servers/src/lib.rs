//! Real servers for tests. Each has a folder and a port of its own, listens on 127.0.0.1 only, and
//! is killed when its value is dropped, or when the test's process ends in whatever way.
//!
//! ```no_run
//! let server = dstream_servers::Postgres::start(&[("wal_level", "logical")]);
//! server.psql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
//! let url = server.url("postgres");
//! ```
//!
//! The programs come from Debian's packages `postgresql`, `mariadb-server` and `docker-registry`, and from
//! npm's `azurite` (`make deps`). A test whose server is not installed fails and says so. Linux and macOS.

#![cfg(unix)]

mod account;
mod azurite;
mod guard;
mod mariadb;
mod postgres;
mod processes;
mod registry;

pub use azurite::Azurite;
pub use mariadb::Mariadb;
pub use postgres::Postgres;
pub use registry::{OciRegistry, RegistrySetup};

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody has right now.
///
/// # Panics
/// When the machine has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("127.0.0.1 has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A program in one of these folders, else on PATH.
fn program(name: &str, folders: &[PathBuf], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().cloned().chain(std::env::split_paths(&path));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed: run `make deps`, or install the package {package}")
    })
}

/// The end of a server's log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
