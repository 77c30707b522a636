//! A folder for temporary files, for one process.

use std::io;
use std::path::{Path, PathBuf};

/// An empty folder that nobody else may look into, gone when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// `TMPDIR` of the environment says where; else the system does.
    pub(crate) fn new(environment: &[(String, String)]) -> io::Result<Self> {
        let named = environment.iter().find(|(name, _)| name == "TMPDIR").map(|(_, v)| v.into());
        let parent: PathBuf = named.unwrap_or_else(std::env::temp_dir);
        let path = parent.join(format!("dstream-{}", uuid::Uuid::new_v4()));
        make(&path).map_err(|e| {
            io::Error::new(e.kind(), format!("cannot make a folder in {}: {e}", parent.display()))
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(unix)]
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// Windows has a folder for each user.
#[cfg(not(unix))]
fn make(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a temporary folder stays");
        }
    }
}
