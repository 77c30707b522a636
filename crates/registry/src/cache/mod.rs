//! What was pulled, by its content, for all projects of a user.
//!
//! ```text
//! $XDG_CACHE_HOME/dstream/
//!   blobs/sha256/<hex>     a content; it has its name only when its digest was checked
//!   partial/<hex>          the beginning of one, to go on from
//!   locks/<hex>            held by the one that downloads it
//!   verified/<hex>         what the file looked like when it was last hashed; touched at each use
//!   proven/<hex>           a lock entry whose signature was looked at, and the rule by which that was done
//! ```
//!
//! Every name is made of a digest's 64 digits: nothing that a registry says becomes a path.

mod claim;
mod clean;
mod partial;
mod proven;
mod stamp;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use claim::Claim;
pub use clean::{Cleaned, Entry};
pub(crate) use partial::Partial;

use crate::digest::Digest;
use crate::oci::credentials::variable;
use stamp::Stamp;

/// The folder of what was pulled.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    /// What the files of contents end in: Windows starts only `.exe`.
    suffix: &'static str,
    /// Whether it notes what was hashed and used.
    notes: bool,
}

/// What the cache has of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It is there, and is what its digest says.
    Good(PathBuf),
    /// It is not there.
    Missing,
    /// Something else is in its place. The next pull replaces it.
    Corrupt,
}

/// The cache cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct CacheError {
    /// What was to be done.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl CacheError {
    pub(crate) fn of(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { action, path: path.clone(), source }
    }

    /// What to do about it.
    pub fn help(&self) -> Vec<String> {
        vec![match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room there, or set XDG_CACHE_HOME to a folder on another disk; what has come so far is kept, and the next attempt goes on from it".to_owned()
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "set XDG_CACHE_HOME to a folder that you may write to".to_owned()
            }
            _ => "the cache holds nothing that cannot be pulled again: its folder may be removed".to_owned(),
        }]
    }
}

impl Cache {
    /// In this folder, which is made when something is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), suffix: std::env::consts::EXE_SUFFIX, notes: true }
    }

    /// The same for contents that are not started: a layout of the image specification.
    pub(crate) fn plain(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), suffix: "", notes: false }
    }

    /// Where a user's cache is: `$XDG_CACHE_HOME/dstream`, else `~/.cache/dstream`, on Windows
    /// `%LOCALAPPDATA%\dstream\cache`. Nothing where the environment names no home.
    pub fn folder_of(environment: &[(String, String)]) -> Option<PathBuf> {
        let var = |name: &str| variable(environment, name);
        var("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| var("HOME").map(|home| home.join(".cache")))
            .map(|folder| folder.join("dstream"))
            .or_else(|| var("LOCALAPPDATA").map(|folder| folder.join("dstream").join("cache")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a content is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = format!("{}{}", digest.hex(), self.suffix);
        self.folder.join("blobs").join("sha256").join(name)
    }

    /// Whether a content is there and still what it should be. Its bytes are read only where the file is
    /// another than at the last look: its inode, size and times are compared.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn look(&self, digest: &Digest) -> Result<Held, CacheError> {
        let path = self.path(digest);
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Held::Missing),
            Err(e) => return Err(CacheError::of("look at", &path)(e)),
        };
        let stamp = self.stamp_path(digest);
        let before = Stamp::of(&metadata);
        if self.notes && metadata.is_file() && Stamp::read(&stamp).as_ref() == Some(&before) {
            stamp::touch(&stamp);
            return Ok(Held::Good(path));
        }
        let good = metadata.is_file() && self.hash(&path)? == *digest;
        if !good {
            // It is left for who has the claim to replace: another may be about to.
            return Ok(Held::Corrupt);
        }
        let metadata =
            std::fs::symlink_metadata(&path).map_err(CacheError::of("look at", &path))?;
        // Changed while it was read: the next look reads it again.
        if Stamp::of(&metadata) == before {
            self.note(&path, &before, &stamp);
        }
        Ok(Held::Good(path))
    }

    /// Notes what was verified, and that it was used. The bytes are durable first: after a crash a note must
    /// not vouch for what never reached the disk. A cache that cannot be written to is hashed each time.
    fn note(&self, path: &Path, seen: &Stamp, stamp: &Path) {
        if !self.notes {
            return;
        }
        if let Err(error) = stamp::sync(path).and_then(|()| seen.write(stamp)) {
            tracing::debug!(%error, path = %stamp.display(), "not noted as verified");
        }
    }

    /// As [`look`](Self::look), with its bytes read whatever was noted of it.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn hashed(&self, digest: &Digest) -> Result<Held, CacheError> {
        let path = self.path(digest);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && self.hash(&path)? == *digest => {
                Ok(Held::Good(path))
            }
            Ok(_) => Ok(Held::Corrupt),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Held::Missing),
            Err(e) => Err(CacheError::of("look at", &path)(e)),
        }
    }

    /// The bytes of a small content, hashed each time.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn bytes(&self, digest: &Digest) -> Result<Option<Vec<u8>>, CacheError> {
        let path = self.path(digest);
        match std::fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == *digest => {
                let stamp = self.stamp_path(digest);
                match std::fs::symlink_metadata(&path) {
                    // Else who makes room would take it for one that nobody uses.
                    Ok(_) if stamp.exists() => stamp::touch(&stamp),
                    Ok(metadata) => self.note(&path, &Stamp::of(&metadata), &stamp),
                    Err(_) => {}
                }
                Ok(Some(bytes))
            }
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(CacheError::of("read", &path)(e)),
        }
    }

    fn hash(&self, path: &Path) -> Result<Digest, CacheError> {
        std::fs::File::open(path).and_then(Digest::of_reader).map_err(CacheError::of("read", path))
    }

    /// Removes a content, whatever stands in its place.
    fn discard(&self, digest: &Digest) -> Result<(), CacheError> {
        for path in [self.path(digest), self.stamp_path(digest)] {
            let removed = match std::fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&path),
                _ => std::fs::remove_file(&path),
            };
            match removed {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(CacheError::of("remove", &path)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn stamp_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("verified").join(digest.hex())
    }

    fn partial_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("partial").join(digest.hex())
    }

    fn lock_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("locks").join(digest.hex())
    }
}

/// Makes the folder of a file.
fn make_folder(file: &Path) -> Result<(), CacheError> {
    let folder = file.parent().unwrap_or(file);
    std::fs::create_dir_all(folder).map_err(CacheError::of("make", folder))
}

#[cfg(test)]
mod tests;
