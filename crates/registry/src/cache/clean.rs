//! Making room: what nobody has used for a while.

use std::time::{Duration, SystemTime};

use super::{Cache, CacheError, stamp};
use crate::digest::Digest;

/// A content of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// When it was last started, or pulled.
    pub used: SystemTime,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// How many contents.
    pub removed: usize,
    /// How many bytes they had, downloads that were begun included.
    pub bytes: u64,
}

impl Cache {
    /// Everything that is there, last used first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, CacheError> {
        let mut all: Vec<Entry> = self
            .digests("blobs/sha256", self.suffix)?
            .into_iter()
            .filter_map(|digest| {
                let metadata = std::fs::metadata(self.path(&digest)).ok()?;
                let pulled = metadata.modified().ok()?;
                let used = stamp::modified(&self.stamp_path(&digest)).unwrap_or(pulled);
                Some(Entry { size: metadata.len(), used: used.max(pulled), digest })
            })
            .collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        Ok(all)
    }

    /// Removes what was not used for this long, and is not among those to keep. A program that runs is
    /// not disturbed: its file stays until it ends. What is being downloaded is passed over.
    ///
    /// # Errors
    /// The cache cannot be read or written.
    pub fn clean(
        &self,
        unused_for: Duration,
        keep: &dyn Fn(&Digest) -> bool,
    ) -> Result<Cleaned, CacheError> {
        let now = SystemTime::now();
        let old = |used: SystemTime| now.duration_since(used).is_ok_and(|age| age >= unused_for);
        let mut cleaned = Cleaned::default();
        for Entry { digest, size, used } in self.entries()? {
            if !old(used) || keep(&digest) {
                continue;
            }
            let Some(_claim) = self.try_claim(&digest)? else { continue };
            self.discard(&digest)?;
            cleaned.removed += 1;
            cleaned.bytes += size;
        }
        for digest in self.digests("partial", "")? {
            let path = self.partial_path(&digest);
            let Some(metadata) = std::fs::metadata(&path).ok() else { continue };
            let Some(_claim) = self.try_claim(&digest)? else { continue };
            if metadata.modified().is_ok_and(old) {
                std::fs::remove_file(&path).map_err(CacheError::of("remove", &path))?;
                cleaned.bytes += metadata.len();
            }
        }
        Ok(cleaned)
    }

    /// Removes what is there for the work only, where nothing is on its way: others read the folder, too.
    pub(crate) fn forget_work(&self) -> Result<(), CacheError> {
        if !self.digests("partial", "")?.is_empty() {
            return Ok(());
        }
        for name in ["partial", "locks", "verified"] {
            let path = self.folder.join(name);
            match std::fs::remove_dir_all(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CacheError::of("remove", &path)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files of a folder that are named by a digest.
    fn digests(&self, folder: &str, suffix: &str) -> Result<Vec<Digest>, CacheError> {
        let folder = self.folder.join(folder);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(CacheError::of("read", &folder)(e)),
        };
        let name = |entry: std::fs::DirEntry| entry.file_name().into_string().ok();
        let digest = |name: String| {
            let hex = name.strip_suffix(suffix)?;
            format!("sha256:{hex}").parse().ok()
        };
        Ok(entries.flatten().filter_map(name).filter_map(digest).collect())
    }
}
