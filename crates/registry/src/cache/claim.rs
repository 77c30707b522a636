//! The right to download one content: one process at a time, the others wait for what it brings.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use super::{Cache, CacheError, make_folder};
use crate::digest::Digest;

/// How often one that waits looks again.
const LOOK: Duration = Duration::from_millis(100);

/// Held until it is dropped, or its process ends in whatever way: the system lets go of it.
#[derive(Debug)]
pub(crate) struct Claim {
    _file: File,
}

impl Cache {
    /// Waits until nobody else downloads this. `waiting` is called once where somebody does.
    pub(crate) async fn claim(
        &self,
        digest: &Digest,
        waiting: impl Fn(),
    ) -> Result<Claim, CacheError> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(claim) = self.try_claim(digest)? {
                return Ok(claim);
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The claim, where nobody has it.
    pub(super) fn try_claim(&self, digest: &Digest) -> Result<Option<Claim>, CacheError> {
        let path = self.lock_path(digest);
        make_folder(&path)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(CacheError::of("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(CacheError::of("lock", &path)(e)),
        }
    }
}
