//! A folder that holds what registries hold: an image layout of the OCI image specification, as other tools
//! read and write it as well.
//!
//! ```text
//! oci-layout           {"imageLayoutVersion":"1.0.0"}
//! index.json           an entry for each reference, named by an annotation
//! blobs/sha256/<hex>   manifests and contents
//! ```

use std::path::{Path, PathBuf};

use oci_client::RegistryOperation;
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciManifest,
};

use super::blob::{PullError, PullEvent};
use super::error::OciError;
use super::package::{Blob, LARGEST_BINARY, blob};
use super::parts::{Content, Document, Part, Parts};
use super::session::Registries;
use crate::cache::{Cache, CacheError, Held};
use crate::digest::Digest;
use crate::reference::Reference;

const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The annotation that holds the reference, by which tools find an entry.
const NAME: &str = "org.opencontainers.image.ref.name";

/// A folder of providers.
pub struct Layout {
    folder: PathBuf,
    /// The layout's `blobs` are made as the cache's are.
    blobs: Cache,
}

impl Layout {
    /// In this folder, which is made when something is put there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { blobs: Cache::plain(&folder), folder }
    }

    /// The references that are there.
    ///
    /// # Errors
    /// It is no layout.
    pub fn references(&self) -> Result<Vec<Reference>, PullError> {
        let entries = self.index()?.manifests;
        Ok(entries.iter().filter_map(|entry| name(entry)?.parse().ok()).collect())
    }

    /// Everything of one of them.
    ///
    /// # Errors
    /// It is not there, or not whole.
    pub fn read(&self, reference: &Reference) -> Result<Parts, PullError> {
        let (what, wanted) = (reference.to_string(), reference.to_string());
        let index = self.index()?;
        let entry = index.manifests.iter().find(|entry| name(entry) == Some(&wanted));
        let Some(entry) = entry else {
            return Err(OciError::NotFound { what, tags: Vec::new() }.into());
        };
        let root = self.document(&entry.digest, &entry.media_type, &what)?;
        let mut children = Vec::new();
        if let OciManifest::ImageIndex(index) = root.read(&what)? {
            for entry in &index.manifests {
                children.push(self.document(&entry.digest, &entry.media_type, &what)?);
            }
        }
        let mut contents = Vec::new();
        for (name, blob) in named(&root, &children, &what)? {
            let path = match self.blobs.look(&blob.digest)? {
                Held::Good(path) => path,
                Held::Missing | Held::Corrupt => {
                    let what = format!("{} of {what}", blob.digest.short());
                    return Err(OciError::NotFound { what, tags: Vec::new() }.into());
                }
            };
            contents.push(Part { name, blob, content: Content::File(path) });
        }
        Ok(Parts { root, children, contents })
    }

    /// Puts parts there under a reference; what stood under it before is named no more.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, reference: &Reference, parts: &Parts) -> Result<(), PullError> {
        for part in &parts.contents {
            match &part.content {
                Content::Bytes(bytes) => self.blobs.keep(bytes).map(drop)?,
                Content::File(path) => self.blobs.keep_file(path, &part.blob.digest)?,
            }
        }
        for document in parts.children.iter().chain([&parts.root]) {
            self.blobs.keep(&document.bytes)?;
        }
        let mut index = self.index()?;
        let written = reference.to_string();
        index.manifests.retain(|entry| name(entry) != Some(&written));
        let Blob { digest, size } = parts.root.blob();
        index.manifests.push(ImageIndexEntry {
            media_type: parts.root.media_type.clone(),
            digest: digest.to_string(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            platform: None,
            annotations: Some([(NAME.to_owned(), written)].into()),
            artifact_type: artifact_type(&parts.root)?,
        });
        self.put("index.json", &serde_json::to_vec_pretty(&index).unwrap_or_default())?;
        self.put("oci-layout", VERSION.as_bytes())?;
        Ok(self.blobs.forget_work()?)
    }

    fn document(&self, digest: &str, media_type: &str, what: &str) -> Result<Document, PullError> {
        let malformed = |reason: String| OciError::Malformed { what: what.to_owned(), reason };
        let digest: Digest =
            digest.parse().map_err(|e: crate::digest::BadDigest| malformed(e.to_string()))?;
        let bytes = self.blobs.bytes(&digest)?;
        let missing = || malformed(format!("{} is missing in {}", digest, self.folder.display()));
        let bytes = bytes.ok_or_else(missing)?;
        Ok(Document { media_type: media_type.to_owned(), bytes })
    }

    /// Nothing where there is no layout yet.
    fn index(&self) -> Result<OciImageIndex, PullError> {
        let path = self.folder.join("index.json");
        match std::fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).map_err(|e| OciError::Malformed {
                what: path.display().to_string(),
                reason: e.to_string(),
            })?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(OciImageIndex {
                schema_version: 2,
                media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
                manifests: Vec::new(),
                artifact_type: None,
                annotations: None,
            }),
            Err(e) => Err(CacheError::of("read", &path)(e).into()),
        }
    }

    fn put(&self, file: &str, bytes: &[u8]) -> Result<(), CacheError> {
        use std::io::Write as _;
        let path = self.folder.join(file);
        let written = tempfile::NamedTempFile::new_in(&self.folder).and_then(|mut new| {
            new.write_all(bytes)?;
            new.persist(&path).map_err(|e| e.error)?;
            Ok(())
        });
        written.map_err(CacheError::of("write", &path))
    }
}

impl Registries {
    /// Everything that a reference leads to, all platforms, its contents in a folder.
    ///
    /// # Errors
    /// It is not there, or the disk is full.
    pub async fn collect(
        &self,
        reference: &Reference,
        layout: &Layout,
        events: &dyn Fn(&str, PullEvent),
    ) -> Result<Parts, PullError> {
        let what = reference.to_string();
        let _may_be_read = self.open(reference, RegistryOperation::Pull).await?;
        let manifest = self.manifest(reference).await?;
        let root = manifest.document;
        let mut children = Vec::new();
        if let OciManifest::ImageIndex(index) = &manifest.content {
            for (_, digest) in super::package::entries(index, &what)? {
                children.push(self.manifest(&reference.with_digest(digest)).await?.document);
            }
        }
        let mut contents = Vec::new();
        for (name, blob) in named(&root, &children, &what)? {
            let tell = |event| events(&name, event);
            let path = self.pull(reference, &blob, &layout.blobs, &tell).await?;
            contents.push(Part { name, blob, content: Content::File(path) });
        }
        Ok(Parts { root, children, contents })
    }
}

fn artifact_type(root: &Document) -> Result<Option<String>, OciError> {
    Ok(match root.read("what is written")? {
        OciManifest::Image(manifest) => manifest.artifact_type,
        OciManifest::ImageIndex(index) => index.artifact_type,
    })
}

fn name(entry: &ImageIndexEntry) -> Option<&String> {
    entry.annotations.as_ref()?.get(NAME)
}

/// Every content that some documents name, each once.
fn named(
    root: &Document,
    children: &[Document],
    what: &str,
) -> Result<Vec<(String, Blob)>, OciError> {
    let mut all: Vec<(String, Blob)> = Vec::new();
    for document in children.iter().chain([root]) {
        let OciManifest::Image(manifest) = document.read(what)? else { continue };
        let config = ("config".to_owned(), &manifest.config);
        let layers = manifest.layers.iter().map(|layer| (title(layer), layer));
        for (name, descriptor) in layers.chain([config]) {
            let blob = blob(descriptor, LARGEST_BINARY, what)?;
            if all.iter().all(|(_, known)| known.digest != blob.digest) {
                all.push((name, blob));
            }
        }
    }
    Ok(all)
}

/// For people only.
fn title(layer: &OciDescriptor) -> String {
    let title = layer.annotations.as_ref().and_then(|all| all.get(super::package::TITLE));
    title.map_or_else(|| "layer".to_owned(), |title| title.escape_debug().to_string())
}

/// Whether a folder holds a layout.
pub fn is_layout(folder: &Path) -> bool {
    folder.join("oci-layout").is_file()
}
