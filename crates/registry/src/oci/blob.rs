//! Contents, from a registry into the cache: checked as they come, gone on with after a break.

use backon::BackoffBuilder as _;
use oci_client::RegistryOperation;
use reqwest::StatusCode;
use reqwest::header::RANGE;
use std::path::PathBuf;
use std::time::Duration;

use super::error::OciError;
use super::package::{Blob, LARGEST_DESCRIPTION};
use super::retry::{pauses, retried};
use super::session::{Registries, Session};
use crate::cache::{Cache, CacheError, Held, Partial};
use crate::digest::Digest;
use crate::reference::Reference;

/// What happens while a content is pulled.
#[derive(Debug, Clone, PartialEq)]
pub enum PullEvent {
    /// Another process pulls the same; it is waited for.
    Waiting,
    /// This many of so many bytes are there.
    Progress {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The connection broke; after the pause it goes on where it was.
    Retrying {
        /// Why.
        reason: String,
        /// How long it waits.
        pause: Duration,
    },
}

/// Why a content did not come.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry's part.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The disk's part.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl PullError {
    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Oci(error) => error.help(),
            Self::Cache(error) => error.help(),
        }
    }
}

impl Registries {
    /// Brings a content of a repository into the cache. One process downloads, others that want the same
    /// wait for it. Cancelling (dropping) leaves what has come; the next attempt goes on from there.
    ///
    /// # Errors
    /// It is not there, is not what its digest says, or the disk is full.
    pub async fn pull(
        &self,
        reference: &Reference,
        blob: &Blob,
        cache: &Cache,
        events: &dyn Fn(PullEvent),
    ) -> Result<PathBuf, PullError> {
        let claim = cache.claim(&blob.digest, || events(PullEvent::Waiting)).await?;
        if let Held::Good(path) = cache.look(&blob.digest)? {
            return Ok(path);
        }
        let mut fresh = false;
        loop {
            let mut partial = Partial::open(cache, &blob.digest, blob.size, &claim)?;
            let resumed = partial.length() > 0;
            self.fill(reference, blob, &mut partial, events).await?;
            match partial.finish()? {
                Ok(path) => return Ok(path),
                // What an earlier attempt left may be what is wrong: once more from the beginning.
                Err(_) if resumed && !fresh => fresh = true,
                Err(actual) => {
                    let (what, expected) = (reference.source(), blob.digest.clone());
                    return Err(OciError::DigestMismatch { what, expected, actual }.into());
                }
            }
        }
    }

    /// Downloads until everything is there. As long as something comes, breaks do not count.
    async fn fill(
        &self,
        reference: &Reference,
        blob: &Blob,
        partial: &mut Partial<'_>,
        events: &dyn Fn(PullEvent),
    ) -> Result<(), PullError> {
        let mut left = pauses().build();
        while partial.length() < blob.size {
            let before = partial.length();
            let broken = match self.stream(reference, blob, partial, events).await {
                Ok(()) if partial.length() == blob.size => break,
                Ok(()) => ended(reference, partial.length(), blob.size),
                Err(PullError::Oci(error)) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            if partial.length() > before {
                left = pauses().build();
            }
            let Some(pause) = left.next() else { return Err(broken.into()) };
            events(PullEvent::Retrying { reason: broken.to_string(), pause });
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// One request, from where it is.
    async fn stream(
        &self,
        reference: &Reference,
        blob: &Blob,
        partial: &mut Partial<'_>,
        events: &dyn Fn(PullEvent),
    ) -> Result<(), PullError> {
        let session = self.open(reference, RegistryOperation::Pull).await?;
        let what = format!("{} of {}", blob.digest.short(), reference.source());
        let mut response = session.content(&blob.digest, partial.length(), &what).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // It does not do ranges, or none was asked for: what it sends is the whole.
            partial.restart()?;
        }
        let done = partial.length();
        events(PullEvent::Progress { done, total: blob.size });
        let too_large = || OciError::TooLarge { what: what.clone(), limit: blob.size };
        if response.content_length().is_some_and(|more| done.saturating_add(more) > blob.size) {
            return Err(too_large().into());
        }
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // Everything is there, and is about to be judged here.
                Err(_) if partial.length() == blob.size => break,
                Err(error) => return Err(OciError::of_request(reference.registry(), &error).into()),
            };
            if partial.length() + piece.len() as u64 > blob.size {
                partial.restart()?;
                return Err(too_large().into());
            }
            partial.write(&piece)?;
            events(PullEvent::Progress { done: partial.length(), total: blob.size });
        }
        Ok(())
    }
}

impl Registries {
    /// A small content: what a provider says of itself. From the cache where that has it.
    ///
    /// # Errors
    /// It is not there, or is not what its digest says.
    pub async fn small(
        &self,
        reference: &Reference,
        digest: &Digest,
        cache: &Cache,
    ) -> Result<Vec<u8>, PullError> {
        if let Some(bytes) = cache.bytes(digest)? {
            return Ok(bytes);
        }
        let bytes = self.document(reference, digest, LARGEST_DESCRIPTION).await?;
        cache.keep(&bytes)?;
        Ok(bytes)
    }

    /// A small content, of so many bytes at most, in memory only.
    pub(crate) async fn document(
        &self,
        reference: &Reference,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<u8>, OciError> {
        let bytes = retried(|| self.bytes(reference, digest, limit)).await?;
        let actual = Digest::of(&bytes);
        if actual == *digest {
            return Ok(bytes);
        }
        let (what, expected) = (reference.source(), digest.clone());
        Err(OciError::DigestMismatch { what, expected, actual })
    }

    async fn bytes(
        &self,
        reference: &Reference,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<u8>, OciError> {
        let session = self.open(reference, RegistryOperation::Pull).await?;
        let what = format!("{} of {}", digest.short(), reference.source());
        let mut response = session.content(digest, 0, &what).await?;
        let mut bytes = Vec::new();
        let broken = |e: reqwest::Error| OciError::of_request(reference.registry(), &e);
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(OciError::TooLarge { what, limit });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

impl Session {
    /// A content from some byte on, or the whole of it where the registry does not do ranges.
    async fn content(
        &self,
        digest: &Digest,
        from: u64,
        what: &str,
    ) -> Result<reqwest::Response, OciError> {
        let url = format!("{}/blobs/{digest}", self.base);
        let range = (from > 0).then(|| (RANGE, format!("bytes={from}-")));
        self.ask(&url, range, what).await.map_err(|e| self.name(e))
    }
}

fn broken(reference: &Reference, reason: String) -> OciError {
    OciError::Unreachable { registry: reference.registry().to_owned(), reason }
}

fn ended(reference: &Reference, done: u64, size: u64) -> OciError {
    broken(reference, format!("the answer ended after {done} of {size} bytes"))
}
