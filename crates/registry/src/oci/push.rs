//! A provider, into a registry. The same files make the same digests: nothing of the moment goes in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::stream;
use oci_client::RegistryOperation;
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageIndex, OciImageManifest, Platform as OciPlatform,
};
use reqwest::header::HeaderValue;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use super::blob::{PullError, PullEvent};
use super::error::OciError;
use super::package::{BINARY, Blob, DESCRIPTION, Form, PROVIDER, TITLE};
use super::retry::retried;
use super::session::{Registries, Session};
use crate::cache::CacheError;
use crate::digest::Digest;
use crate::platform::Platform;
use crate::reference::Reference;

/// The config of a manifest that has none, by the image specification.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// What is published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The program for each platform.
    pub programs: BTreeMap<Platform, PathBuf>,
    /// What the provider prints for `describe`.
    pub description: Vec<u8>,
    /// What its author notes, by the names of the image specification: `org.opencontainers.image.source`, ….
    pub annotations: BTreeMap<String, String>,
}

impl Registries {
    /// Publishes a provider, and gives the digest that the reference leads to now.
    ///
    /// # Errors
    /// A program cannot be read, or the registry does not take it.
    pub async fn publish(
        &self,
        reference: &Reference,
        publication: &Publication,
        form: Form,
        events: &dyn Fn(&Platform, PullEvent),
    ) -> Result<Digest, PullError> {
        let mut programs = BTreeMap::new();
        for (platform, path) in &publication.programs {
            let blob = self.push_file(reference, path, &|event| events(platform, event)).await?;
            programs.insert(platform.clone(), blob);
        }
        let description = self.push_bytes(reference, &publication.description).await?;
        let annotations = Some(publication.annotations.clone()).filter(|all| !all.is_empty());
        match form {
            Form::Index => {
                let mut entries = Vec::new();
                for (platform, blob) in &programs {
                    let manifest =
                        of_platform(reference, platform, blob, &description, annotations.clone());
                    entries.push(self.push_entry(reference, platform, &manifest).await?);
                }
                let index = OciImageIndex {
                    schema_version: 2,
                    media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
                    manifests: entries,
                    artifact_type: Some(PROVIDER.to_owned()),
                    annotations,
                };
                Ok(self.push_document(reference, OCI_IMAGE_INDEX_MEDIA_TYPE, &index).await?.digest)
            }
            Form::Artifact => {
                let config = self.push_bytes(reference, EMPTY.1).await?;
                let manifest = artifact(&programs, &description, &config, annotations);
                Ok(self.push_document(reference, OCI_IMAGE_MEDIA_TYPE, &manifest).await?.digest)
            }
        }
    }

    /// The manifest of one platform is known by its digest only.
    async fn push_entry(
        &self,
        reference: &Reference,
        platform: &Platform,
        manifest: &OciImageManifest,
    ) -> Result<ImageIndexEntry, OciError> {
        let digest = Digest::of(&document(manifest));
        let place = reference.with_digest(digest);
        let blob = self.push_document(&place, OCI_IMAGE_MEDIA_TYPE, manifest).await?;
        Ok(ImageIndexEntry {
            media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
            digest: blob.digest.to_string(),
            size: size(&blob),
            platform: Some(OciPlatform {
                architecture: platform.arch().into(),
                os: platform.os().into(),
                os_version: None,
                os_features: None,
                variant: None,
                features: None,
            }),
            annotations: None,
            artifact_type: Some(PROVIDER.to_owned()),
        })
    }

    /// Puts a manifest or an index where the reference says.
    async fn push_document(
        &self,
        reference: &Reference,
        media_type: &'static str,
        content: &impl Serialize,
    ) -> Result<Blob, OciError> {
        let bytes = document(content);
        let blob = Blob { digest: Digest::of(&bytes), size: bytes.len() as u64 };
        retried(|| async {
            let session = self.open(reference, RegistryOperation::Push).await?;
            let kind = HeaderValue::from_static(media_type);
            let pushed =
                session.oci.push_manifest_raw(&reference.to_oci(), bytes.clone(), kind).await;
            pushed.map(drop).map_err(|e| session.error(e, &reference.to_string()))
        })
        .await?;
        Ok(blob)
    }

    /// A small content.
    async fn push_bytes(&self, reference: &Reference, bytes: &[u8]) -> Result<Blob, OciError> {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        retried(|| async {
            let session = self.open(reference, RegistryOperation::Push).await?;
            if session.has(&blob).await? {
                return Ok(());
            }
            let piece = Ok(bytes.to_vec().into());
            session.push(&blob, stream::once(std::future::ready(piece))).await
        })
        .await?;
        Ok(blob)
    }

    /// A program. It is read twice: once for its digest, once to send it.
    async fn push_file(
        &self,
        reference: &Reference,
        path: &Path,
        events: &dyn Fn(PullEvent),
    ) -> Result<Blob, PullError> {
        let fail = CacheError::of("read", path);
        let file = std::fs::File::open(path).map_err(&fail)?;
        let total = file.metadata().map_err(&fail)?.len();
        let blob = Blob { digest: Digest::of_reader(file).map_err(&fail)?, size: total };
        retried(|| async {
            events(PullEvent::Progress { done: 0, total });
            let session = self.open(reference, RegistryOperation::Push).await?;
            if !session.has(&blob).await? {
                let unread = |e: std::io::Error| OciError::Malformed {
                    what: path.display().to_string(),
                    reason: e.to_string(),
                };
                let file = tokio::fs::File::open(path).await.map_err(unread)?;
                session.push(&blob, pieces(file)).await?;
            }
            events(PullEvent::Progress { done: total, total });
            Ok(())
        })
        .await?;
        Ok(blob)
    }
}

impl Session {
    async fn has(&self, blob: &Blob) -> Result<bool, OciError> {
        let there = self.oci.blob_exists(&self.reference.to_oci(), &blob.digest.to_string()).await;
        there.map_err(|e| self.error(e, &self.reference.source()))
    }

    async fn push(
        &self,
        blob: &Blob,
        pieces: impl stream::Stream<Item = oci_client::errors::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<(), OciError> {
        let (of, digest) = (self.reference.to_oci(), blob.digest.to_string());
        let pushed = self.oci.push_blob_stream(&of, pieces, &digest, Some(blob.size)).await;
        pushed.map(drop).map_err(|e| self.error(e, &self.reference.source()))
    }
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

fn of_platform(
    reference: &Reference,
    platform: &Platform,
    program: &Blob,
    description: &Blob,
    annotations: Option<BTreeMap<String, String>>,
) -> OciImageManifest {
    let title = format!("{}{}", reference.name(), platform.exe_suffix());
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(PROVIDER.to_owned()),
        config: descriptor(DESCRIPTION, description, None),
        layers: vec![descriptor(BINARY, program, Some(title))],
        annotations,
        ..OciImageManifest::default()
    }
}

/// The original's form.
fn artifact(
    programs: &BTreeMap<Platform, Blob>,
    description: &Blob,
    config: &Blob,
    annotations: Option<BTreeMap<String, String>>,
) -> OciImageManifest {
    let program = |(platform, blob): (&Platform, &Blob)| {
        let title = format!("plugin.{platform}{}", platform.exe_suffix());
        descriptor(BINARY, blob, Some(title))
    };
    let json = descriptor("application/json", description, Some("provider.json".to_owned()));
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(PROVIDER.to_owned()),
        config: descriptor(EMPTY.0, config, None),
        layers: programs.iter().map(program).chain([json]).collect(),
        annotations,
        ..OciImageManifest::default()
    }
}

fn descriptor(media_type: &str, blob: &Blob, title: Option<String>) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: blob.digest.to_string(),
        size: size(blob),
        annotations: title.map(|title| BTreeMap::from([(TITLE.to_owned(), title)])),
        ..OciDescriptor::default()
    }
}

fn size(blob: &Blob) -> i64 {
    i64::try_from(blob.size).unwrap_or(i64::MAX)
}

/// The bytes that a document is known by. What is serialised here has no maps with other keys than text.
fn document(content: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(content).unwrap_or_default()
}
