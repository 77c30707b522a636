//! What a file looked like when its bytes were last read: where that is still so, they need not be
//! read again. What cargo and git do, with the inode and the time of its last change beside.

use std::fs::Metadata;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A file's outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The inode, 0 where there are none.
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Of the inode; nobody can set this one. On Windows: when it was made.
    changed: i128,
}

impl Stamp {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanos = |time: io::Result<SystemTime>| {
            let since = time.ok().and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
            since.map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(i128::MAX))
        };
        Self {
            inode: 0,
            size: metadata.len(),
            modified: nanos(metadata.modified()),
            changed: nanos(metadata.created()),
        }
    }

    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Whole or not at all: another process may read it meanwhile.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.persist(path)?;
        Ok(())
    }
}

/// Makes a file's bytes durable.
#[cfg(unix)]
pub(super) fn sync(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Windows flushes only what is open for writing, and a program that runs is not.
#[cfg(not(unix))]
pub(super) fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Notes that the content was used, for the one who makes room. Not worth an error.
pub(super) fn touch(path: &Path) {
    let touched = std::fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(%error, path = %path.display(), "not noted as used");
    }
}

/// When a file was last written or touched.
pub(super) fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
