//! Asks a provider what it is. Only programs that are declared version 2 are asked: another one
//! might take the call for something else and destroy data.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dstream_protocol::Description;
use dstream_protocol::limits::{DESCRIBE_MAX_BYTES, DESCRIBE_TIMEOUT};
use dstream_sandbox::SandboxError;
use dstream_task::Sandbox;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

#[cfg(unix)]
use crate::process::before_exec;
use crate::process::{Confines, Scratch, describe_status, is_common};
use crate::state::{make_folder, replace_file};

/// Why there is no description.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DescribeError {
    /// It cannot be started.
    #[error("{0} cannot be started: {1}")]
    Spawn(String, String),
    /// It did not end in time.
    #[error("{0} did not answer `describe` within {1:?}")]
    Timeout(String, Duration),
    /// It ended without success: a version-1 provider does.
    #[error("{0} does not know `describe` ({1})")]
    Refused(String, String),
    /// It answered something else.
    #[error("{0} answered `describe` with what is no description: {1}")]
    Unreadable(String, String),
}

/// Who is asked. To be asked is to be started: what confines a provider when it runs confines it here.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its file.
    pub program: &'a Path,
    /// The host's environment, of which it gets a part.
    pub environment: &'a [(String, String)],
    /// Whether it comes from a registry.
    pub from_registry: bool,
    /// The sandbox of the block that it stands in.
    pub sandbox: Option<&'a Sandbox>,
    /// Where relative paths of the sandbox begin.
    pub folder: &'a Path,
}

impl<'a> Asked<'a> {
    /// A program of this machine, in no sandbox.
    pub fn local(program: &'a Path, environment: &'a [(String, String)]) -> Self {
        let folder = Path::new("");
        Self { program, environment, from_registry: false, sandbox: None, folder }
    }
}

/// Runs `PROGRAM describe` in an empty folder, with stdin closed, within limits of time and size.
///
/// # Errors
/// Where it cannot be started, takes too long, fails, or answers something else.
pub async fn describe(asked: Asked<'_>) -> Result<Description, DescribeError> {
    let name = asked.program.display().to_string();
    let unstarted = |e: String| DescribeError::Spawn(name.clone(), e);
    let empty = Scratch::new(asked.environment).map_err(|e| unstarted(e.to_string()))?;
    let mut command = command(asked, &empty).map_err(|e| unstarted(e.to_string()))?;
    let child = command.spawn().map_err(|e| unstarted(e.to_string()))?;
    let group = child.id().map(crate::process::Group::new);
    let answered = tokio::time::timeout(DESCRIBE_TIMEOUT, read(child, &name)).await;
    drop(group);
    let bytes = answered.map_err(|_| DescribeError::Timeout(name.clone(), DESCRIBE_TIMEOUT))??;
    serde_json::from_slice(&bytes).map_err(|e| DescribeError::Unreadable(name, e.to_string()))
}

fn command(asked: Asked<'_>, empty: &Scratch) -> Result<Command, SandboxError> {
    let Asked { program, environment, from_registry, sandbox, folder } = asked;
    let mut environment: Vec<(String, String)> =
        environment.iter().filter(|(n, _)| is_common(n)).cloned().collect();
    let confines = Confines { program, from_registry, sandbox, folder };
    let confinement = confines.within(Some(empty), &environment)?;
    if sandbox.is_some() {
        environment.push(("TMPDIR".into(), empty.path().display().to_string()));
    }
    let mut command = Command::new(program);
    command.arg("describe").current_dir(empty.path()).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    #[cfg(unix)]
    {
        command.process_group(0);
        before_exec(&mut command, None, confinement, None);
    }
    #[cfg(not(unix))]
    drop(confinement);
    Ok(command)
}

async fn read(mut child: tokio::process::Child, name: &str) -> Result<Vec<u8>, DescribeError> {
    let mut bytes = Vec::new();
    let unreadable = |reason: String| DescribeError::Unreadable(name.to_owned(), reason);
    if let Some(stdout) = child.stdout.take() {
        let mut limited = stdout.take(DESCRIBE_MAX_BYTES as u64 + 1);
        limited.read_to_end(&mut bytes).await.map_err(|e| unreadable(e.to_string()))?;
    }
    if bytes.len() > DESCRIBE_MAX_BYTES {
        return Err(unreadable(format!("it is longer than {DESCRIBE_MAX_BYTES} bytes")));
    }
    let status = child.wait().await.map_err(|e| unreadable(e.to_string()))?;
    if !status.success() {
        return Err(DescribeError::Refused(name.to_owned(), describe_status(status)));
    }
    Ok(bytes)
}

/// The same, with the answer kept in `cache` until the program's file changes.
///
/// # Errors
/// As [`describe`]; a cache that cannot be read or written is no error.
pub async fn describe_cached(asked: Asked<'_>, cache: &Path) -> Result<Description, DescribeError> {
    let Some(stamp) = Stamp::of(asked.program) else { return describe(asked).await };
    let file = cache.join(format!("{}.json", stamp.key()));
    let cached = std::fs::read(&file).ok().and_then(|b| serde_json::from_slice::<Cached>(&b).ok());
    if let Some(cached) = cached.filter(|c| c.stamp == stamp) {
        return Ok(cached.description);
    }
    let description = describe(asked).await?;
    let entry = Cached { stamp, description: description.clone() };
    let written = serde_json::to_vec(&entry)
        .map_err(std::io::Error::other)
        .and_then(|bytes| make_folder(cache).and_then(|()| replace_file(&file, &bytes)));
    if let Err(error) = written {
        tracing::debug!(%error, "the description is not cached");
    }
    Ok(description)
}

#[derive(Serialize, Deserialize)]
struct Cached {
    stamp: Stamp,
    description: Description,
}

/// What tells one build of a program from the next without reading it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified_ns: u128,
    inode: u64,
}

impl Stamp {
    fn of(program: &Path) -> Option<Self> {
        let path = std::fs::canonicalize(program).ok()?;
        let file = std::fs::metadata(&path).ok()?;
        let since = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&file);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { path, bytes: file.len(), modified_ns: since.as_nanos(), inode })
    }

    fn key(&self) -> String {
        let hash = Sha256::digest(self.path.to_string_lossy().as_bytes());
        hash.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}
