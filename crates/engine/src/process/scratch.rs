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
        let mut folder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(&path).map_err(|e| {
            io::Error::new(e.kind(), format!("cannot make a folder in {}: {e}", parent.display()))
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a temporary folder stays");
        }
    }
}
