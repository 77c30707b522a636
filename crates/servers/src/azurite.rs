//! Azurite, the emulator of Azure's blob storage.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;

use crate::guard::Guard;
use crate::{PATIENCE, free_port, tail};

/// The version that `make deps` installs.
const VERSION: &str = "3.35.0";

/// An emulated storage account, whose blobs are in memory.
#[derive(Debug)]
pub struct Azurite {
    guard: Guard,
    port: u16,
}

impl Azurite {
    /// Starts one.
    ///
    /// # Panics
    /// When Azurite is not installed, or does not start; with the end of its log.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("dstream-azurite-").expect("a temporary folder").keep();
        let port = free_port();
        let mut command = Command::new(binary());
        command.args(["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        let log = folder.join("log");
        let guard = Guard::start(&command, &folder, &log);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(guard.lives(), "Azurite did not start:\n{}", tail(&log));
            assert!(Instant::now() < deadline, "Azurite is not ready:\n{}", tail(&log));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self { guard, port }
    }

    /// Its connection string.
    pub fn connection_string(&self) -> String {
        format!(
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1:{}",
            self.port
        )
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's own process.
    pub fn pid(&self) -> u32 {
        self.guard.pid
    }
}

/// Where `make deps` puts it; `DSTREAM_AZURITE` names another one.
fn binary() -> PathBuf {
    let own = std::env::var_os("DSTREAM_AZURITE").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache"))
    });
    let path = own.or_else(|| {
        Some(cache?.join(format!("dstream-azurite-{VERSION}/node_modules/.bin/azurite-blob")))
    });
    path.filter(|path| path.is_file())
        .unwrap_or_else(|| panic!("Azurite {VERSION} is not installed: run `make deps`"))
}
