//! What this machine has seen of signatures: a note for each lock entry and rule, an empty file by the digest
//! of both.

use std::fs::OpenOptions;

use super::{Cache, CacheError, make_folder};
use crate::digest::Digest;

impl Cache {
    /// Whether there is such a note.
    pub(crate) fn is_proven(&self, mark: &Digest) -> Result<bool, CacheError> {
        let path = self.proven_path(mark);
        path.try_exists().map_err(CacheError::of("read", &path))
    }

    /// Makes one.
    pub(crate) fn note_proven(&self, mark: &Digest) -> Result<(), CacheError> {
        let path = self.proven_path(mark);
        make_folder(&path)?;
        let made = OpenOptions::new().create(true).append(true).open(&path);
        made.map(drop).map_err(CacheError::of("write", &path))
    }

    fn proven_path(&self, mark: &Digest) -> std::path::PathBuf {
        self.folder().join("proven").join(mark.hex())
    }
}
