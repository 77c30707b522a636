//! `.dstream.lock.hcl`: exactly which binaries a project runs, for every platform.
//!
//! It belongs into version control, beside the task file. `dstream init` adds what is new;
//! only `dstream provider lock` and `dstream init --upgrade` change what is there.
//!
//! - `read`: the file, with errors that point into it
//! - `write`: the same text for the same content, so that a change shows what changed

mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dstream_signature::Signer;

use crate::digest::Digest;
use crate::oci::{Binary, Package};
use crate::platform::Platform;

/// The file's name, in the task file's folder.
pub const FILE: &str = ".dstream.lock.hcl";

/// What is locked, by what was asked for: a reference, or a source whose version was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    /// `ghcr.io/acme/dstream-in-foo:v1.2.0`, or `ghcr.io/acme/dstream-in-foo`.
    pub providers: BTreeMap<String, Locked>,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Which versions were asked for when it was chosen, where a version was.
    pub constraint: Option<String>,
    /// The tag that was chosen, or was given; nothing where a digest was.
    pub tag: Option<String>,
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Who signed that, where anybody did who counts.
    pub signer: Option<Signer>,
    /// The program for each platform.
    pub platforms: BTreeMap<Platform, Binary>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

impl LockError {
    /// What to do about it.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Io { .. } => Vec::new(),
            Self::Wrong { .. } => vec![
                "dstream writes this file; take the last good one from version control".to_owned(),
                "or remove it, and `dstream init` locks what the registries have now".to_owned(),
            ],
        }
    }
}

impl Locked {
    /// What a registry has now; nothing is said of who signed it.
    pub fn new(package: &Package, tag: Option<String>, constraint: Option<String>) -> Self {
        let platforms = package.binaries.clone();
        Self { constraint, tag, digest: package.digest.clone(), signer: None, platforms }
    }

    /// The version, or what stands for it, for people.
    pub fn version(&self) -> String {
        self.tag.clone().unwrap_or_else(|| self.digest.short())
    }
}

impl LockFile {
    /// Reads the file of a folder. None is an empty one.
    ///
    /// # Errors
    /// It cannot be read, or says something else.
    pub fn load(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => read::read(&text, &path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(LockError::Io { action: "read", path, source }),
        }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), LockError> {
        use std::io::Write as _;
        let path = folder.join(FILE);
        let written =
            tempfile::Builder::new().prefix(FILE).tempfile_in(folder).and_then(|mut file| {
                file.write_all(self.to_string().as_bytes())?;
                readable(file.as_file())?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|e| e.error)?;
                Ok(())
            });
        written.map_err(|source| LockError::Io { action: "write", path, source })
    }
}

impl std::str::FromStr for LockFile {
    type Err = LockError;

    fn from_str(text: &str) -> Result<Self, LockError> {
        read::read(text, Path::new(FILE))
    }
}

/// Temporary files are for one's own eyes; this one is checked in.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
