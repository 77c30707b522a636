//! Everything that a reference leads to, on its way from one place to another: from files to a
//! registry, from a registry to a folder, from the folder to another registry.

use std::path::PathBuf;

use oci_client::manifest::OciManifest;

use super::error::OciError;
use super::manifest::parse;
use super::package::Blob;
use crate::digest::Digest;

/// A provider's documents and contents.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The manifest or index that the reference names.
    pub(crate) root: Document,
    /// The manifests that an index names.
    pub(crate) children: Vec<Document>,
    /// Programs, descriptions, configs.
    pub(crate) contents: Vec<Part>,
}

/// A manifest or an index. Its bytes are what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// A content, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// For people: a platform, `description`, `config`.
    pub(crate) name: String,
    pub(crate) blob: Blob,
    pub(crate) content: Content,
}

/// Where the bytes of a content are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Parts {
    /// What the reference leads to.
    pub fn digest(&self) -> Digest {
        self.root.digest()
    }

    /// How many bytes of contents there are.
    pub fn size(&self) -> u64 {
        self.contents.iter().map(|part| part.blob.size).sum()
    }
}

impl Document {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    pub(crate) fn blob(&self) -> Blob {
        Blob { digest: self.digest(), size: self.bytes.len() as u64 }
    }

    pub(crate) fn read(&self, what: &str) -> Result<OciManifest, OciError> {
        parse(&self.bytes, what)
    }
}

impl Part {
    /// Bytes that are at hand.
    pub(crate) fn of(name: &str, bytes: &[u8]) -> Self {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        Self { name: name.to_owned(), blob, content: Content::Bytes(bytes.to_vec()) }
    }
}
