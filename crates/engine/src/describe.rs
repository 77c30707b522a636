//! Asks a provider what it is. Only programs that are declared version 2 are asked: another one
//! might take the call for something else and destroy data.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dstream_protocol::Description;
use dstream_protocol::limits::{DESCRIBE_MAX_BYTES, DESCRIBE_TIMEOUT};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::process::{describe_status, is_common};
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

/// Runs `PROGRAM describe` in an empty folder, with stdin closed, within limits of time and size.
///
/// # Errors
/// Where it cannot be started, takes too long, fails, or answers something else.
pub async fn describe(
    program: &Path,
    environment: &[(String, String)],
) -> Result<Description, DescribeError> {
    let name = program.display().to_string();
    let empty =
        EmptyFolder::new().map_err(|e| DescribeError::Spawn(name.clone(), e.to_string()))?;
    let mut command = Command::new(program);
    command.arg("describe").current_dir(&empty.0).env_clear();
    command.envs(environment.iter().filter(|(n, _)| is_common(n)).cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(|e| DescribeError::Spawn(name.clone(), e.to_string()))?;
    let group = child.id().map(crate::process::Group::new);
    let answered = tokio::time::timeout(DESCRIBE_TIMEOUT, read(child, &name)).await;
    drop(group);
    let bytes = answered.map_err(|_| DescribeError::Timeout(name.clone(), DESCRIBE_TIMEOUT))??;
    serde_json::from_slice(&bytes).map_err(|e| DescribeError::Unreadable(name, e.to_string()))
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
pub async fn describe_cached(
    program: &Path,
    environment: &[(String, String)],
    cache: &Path,
) -> Result<Description, DescribeError> {
    let Some(stamp) = Stamp::of(program) else { return describe(program, environment).await };
    let file = cache.join(format!("{}.json", stamp.key()));
    let cached = std::fs::read(&file).ok().and_then(|b| serde_json::from_slice::<Cached>(&b).ok());
    if let Some(cached) = cached.filter(|c| c.stamp == stamp) {
        return Ok(cached.description);
    }
    let description = describe(program, environment).await?;
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

/// A folder without anything in it, gone when dropped.
struct EmptyFolder(PathBuf);

impl EmptyFolder {
    fn new() -> std::io::Result<Self> {
        let name = format!("dstream-describe-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for EmptyFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a temporary folder stays");
        }
    }
}
