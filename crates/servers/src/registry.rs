//! An OCI registry: Debian's `docker-registry`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::guard::Guard;
use crate::{PATIENCE, free_port, program, tail};

/// `secret`, as `htpasswd -B` writes it, with the least work that bcrypt knows.
const SECRET: &str = "$2b$04$OVFza2137FXAkZmXFkZFhOtCX4zx7qvzycIb0ejItLMAq1NL3BqWK";

/// How a registry is set up.
#[derive(Debug, Clone, Default)]
pub struct RegistrySetup {
    /// Whether it wants the user `dev` and the password `secret`.
    pub password: bool,
    /// Who gives out tokens: the address to ask, and the certificate by which they are known, PEM. The service
    /// and the issuer are called `test`.
    pub token: Option<(String, String)>,
    /// A certificate and its key, PEM: it speaks TLS.
    pub tls: Option<(String, String)>,
}

/// A registry, whose contents are files that a test can spoil.
#[derive(Debug)]
pub struct OciRegistry {
    /// Nothing while it is stopped.
    guard: Option<Guard>,
    folder: PathBuf,
    port: u16,
}

impl OciRegistry {
    /// Starts one without password and without TLS.
    ///
    /// # Panics
    /// When it is not installed, or does not start; with the end of its log.
    pub fn start() -> Self {
        Self::start_with(&RegistrySetup::default())
    }

    /// Starts one.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(setup: &RegistrySetup) -> Self {
        let folder = TempDir::with_prefix("dstream-registry-").expect("a temporary folder").keep();
        let port = free_port();
        std::fs::write(folder.join("config.yml"), config(&folder, port, setup))
            .expect("it is ours");
        let mut registry = Self { guard: None, folder, port };
        registry.resume();
        registry
    }

    /// Where it listens: `127.0.0.1:40123`, as references begin.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// SIGKILL. What it has stays.
    pub fn kill(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.kill();
        }
    }

    /// Starts it again after [`kill`](Self::kill), on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let mut command = Command::new(program("docker-registry", &[], "docker-registry"));
        command.arg("serve").arg(self.folder.join("config.yml"));
        let log = self.folder.join("log");
        let guard = Guard::start(&command, &self.folder, &log);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(guard.lives(), "the registry did not start:\n{}", tail(&log));
            assert!(Instant::now() < deadline, "the registry is not ready:\n{}", tail(&log));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.guard = Some(guard);
    }

    /// The file that holds a content, by the 64 digits of its digest.
    pub fn blob(&self, hex: &str) -> PathBuf {
        let blobs = self.folder.join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        // With the guard goes the folder; a killed server has none.
        if self.guard.is_none() {
            let _gone = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn config(folder: &Path, port: u16, setup: &RegistrySetup) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let write =
        |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("it is ours");
    let mut text = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        at("data")
    );
    if let Some((certificate, key)) = &setup.tls {
        write("certificate.pem", certificate);
        write("key.pem", key);
        text +=
            &format!("  tls: {{certificate: {}, key: {}}}\n", at("certificate.pem"), at("key.pem"));
    }
    if setup.password {
        write("htpasswd", &format!("dev:{SECRET}\n"));
        text += &format!("auth:\n  htpasswd: {{realm: test, path: {}}}\n", at("htpasswd"));
    }
    if let Some((realm, certificate)) = &setup.token {
        write("token.pem", certificate);
        text += &format!(
            "auth:\n  token: {{realm: \"{realm}\", service: test, issuer: test, rootcertbundle: {}}}\n",
            at("token.pem")
        );
    }
    text
}
