//! Into a registry: contents first, then the documents that name them, and last what the tag leads to.

use std::path::Path;

use futures_util::stream;
use oci_client::RegistryOperation;
use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt as _;

use super::blob::{PullError, PullEvent};
use super::error::OciError;
use super::package::Blob;
use super::parts::{Content, Document, Part, Parts};
use super::retry::retried;
use super::session::{Registries, Session};
use crate::digest::Digest;
use crate::reference::Reference;

impl Registries {
    /// Puts a provider where a reference says, and gives the digest that it leads to now. What the
    /// repository has already is not sent again.
    ///
    /// # Errors
    /// A file cannot be read, or the registry does not take it.
    pub async fn send(
        &self,
        reference: &Reference,
        parts: &Parts,
        events: &dyn Fn(&str, PullEvent),
    ) -> Result<Digest, PullError> {
        for part in &parts.contents {
            let total = part.blob.size;
            events(&part.name, PullEvent::Progress { done: 0, total });
            retried(|| self.send_content(reference, part)).await?;
            events(&part.name, PullEvent::Progress { done: total, total });
        }
        for child in &parts.children {
            self.send_document(&reference.with_digest(child.digest()), child).await?;
        }
        self.send_document(reference, &parts.root).await?;
        Ok(parts.digest())
    }

    /// A manifest or an index.
    async fn send_document(&self, to: &Reference, document: &Document) -> Result<(), OciError> {
        let kind =
            HeaderValue::from_str(&document.media_type).map_err(|_| OciError::Malformed {
                what: to.to_string(),
                reason: format!("a media type of {:?}", document.media_type),
            })?;
        retried(|| async {
            let session = self.open(to, RegistryOperation::Push).await?;
            let bytes = document.bytes.clone();
            let pushed = session.oci.push_manifest_raw(&session.target, bytes, kind.clone()).await;
            pushed.map(drop).map_err(|e| session.error(e, &to.to_string()))
        })
        .await
    }

    async fn send_content(&self, to: &Reference, part: &Part) -> Result<(), OciError> {
        let session = self.open(to, RegistryOperation::Push).await?;
        if session.has(&part.blob).await? {
            return Ok(());
        }
        match &part.content {
            Content::Bytes(bytes) => {
                let piece = Ok(bytes.clone().into());
                session.push(&part.blob, stream::once(std::future::ready(piece))).await
            }
            Content::File(path) => session.push(&part.blob, pieces(open(path).await?)).await,
        }
    }
}

impl Session {
    async fn has(&self, blob: &Blob) -> Result<bool, OciError> {
        let there = self.oci.blob_exists(&self.target, &blob.digest.to_string()).await;
        there.map_err(|e| self.error(e, &self.reference.source()))
    }

    async fn push(
        &self,
        blob: &Blob,
        pieces: impl stream::Stream<Item = oci_client::errors::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<(), OciError> {
        let digest = blob.digest.to_string();
        let pushed =
            self.oci.push_blob_stream(&self.target, pieces, &digest, Some(blob.size)).await;
        pushed.map(drop).map_err(|e| self.error(e, &self.reference.source()))
    }
}

async fn open(path: &Path) -> Result<tokio::fs::File, OciError> {
    tokio::fs::File::open(path).await.map_err(|e| OciError::Malformed {
        what: path.display().to_string(),
        reason: e.to_string(),
    })
}

/// A file, as a stream.
fn pieces(
    file: tokio::fs::File,
) -> impl stream::Stream<Item = oci_client::errors::Result<bytes::Bytes>> + Send + 'static {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(256 * 1024);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    })
}
