//! What the host keeps for this output: the files, and how much of each is committed.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Given with each commit, and given back at the next start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Counts commits over all runs.
    pub(crate) commit: u64,
    /// Files that are written.
    #[serde(default)]
    pub(crate) open: Vec<FileState>,
    /// Files that have all their rows, and may or may not have their final name yet.
    #[serde(default)]
    pub(crate) closing: Vec<FileState>,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileState {
    /// Its final name.
    pub(crate) file: PathBuf,
    /// The path that was rendered, without a number.
    pub(crate) key: String,
    /// Committed bytes.
    pub(crate) length: u64,
    pub(crate) inode: Inode,
    /// CSV: the stream and the columns of the header.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<Vec<String>>,
    /// When it was begun, in milliseconds since 1970.
    pub(crate) since_ms: i64,
}

/// Device and inode; two zeros where the platform has none. A rename keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Inode {
    dev: u64,
    ino: u64,
}

impl Inode {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { dev: metadata.dev(), ino: metadata.ino() }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Self {
        Self::default()
    }

    /// Whether the file at `path` is the one with this inode; its length then.
    pub(crate) fn length_at(self, path: &Path) -> Option<u64> {
        let metadata = std::fs::metadata(path).ok()?;
        (Self::of(&metadata) == self).then_some(metadata.len())
    }
}

/// The name that a file has until it is complete.
pub(crate) fn part_name(file: &Path) -> PathBuf {
    with_suffix(file, ".part")
}

/// The name with something behind it.
pub(crate) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a rename or a new name in `path`'s folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
    // Windows has no such call, and needs none.
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}
