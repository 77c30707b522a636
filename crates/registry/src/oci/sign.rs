//! Signing what is in a registry, and carrying signatures from one to another.

use dstream_signature::signature::{SIGNATURE, SIMPLE};
use dstream_signature::{BadKey, SigningKey, Simple};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageIndex, OciImageManifest, OciManifest,
};
use serde_json::json;

use super::assemble::{document, size};
use super::blob::PullError;
use super::error::OciError;
use super::manifest::Manifest;
use super::package::Blob;
use super::parts::{Document, Part, Parts};
use super::session::Registries;
use super::signatures::{LARGEST, MOST, layers, read, referrers_tag, simple_tag};
use crate::digest::Digest;
use crate::reference::Reference;

/// Why something is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key.
    #[error("the key cannot sign: {0}")]
    Key(#[from] BadKey),
    /// The registry.
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl From<OciError> for SignError {
    fn from(error: OciError) -> Self {
        Self::Pull(error.into())
    }
}

impl Registries {
    /// Puts a signature of cosign's first format beside what has this digest. Those of others stay; one that
    /// the key made before is not repeated.
    ///
    /// # Errors
    /// The key cannot sign, or the registry does not take it.
    pub async fn sign(
        &self,
        reference: &Reference,
        digest: &Digest,
        key: &SigningKey,
    ) -> Result<(), SignError> {
        let registries = self.without_mirrors();
        let mut all = registries.simple_signatures(reference, digest).await?;
        let public = key.public()?;
        let is_ours = |(layer, bytes): &(OciDescriptor, Vec<u8>)| {
            let noted = layer.annotations.as_ref().and_then(|all| all.get(SIGNATURE));
            noted.is_some_and(|signature| public.made(signature, bytes))
        };
        if all.iter().any(is_ours) {
            return Ok(());
        }
        let Simple { payload, signature, .. } =
            key.sign(&reference.source(), &digest.to_string())?;
        let part = Part::of("signature", &payload);
        all.push((layer(&part.blob, signature), payload));
        let to = reference.with_tag(&simple_tag(digest));
        self.send(&to, &parts(all), &|_, _| {}).await?;
        Ok(())
    }

    /// The signatures of the first format, as they are. Who writes them anew must have every one.
    async fn simple_signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<(OciDescriptor, Vec<u8>)>, OciError> {
        let Some(manifest) = self.simple(reference, digest).await? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for layer in layers(&manifest.content, &[SIMPLE]) {
            if all.len() == MOST {
                return Err(too_many(reference, digest));
            }
            let bytes = self.document(reference, &read(&layer.digest)?, LARGEST).await?;
            all.push((layer.clone(), bytes));
        }
        Ok(all)
    }

    /// Puts signatures that were collected beside those that are there.
    ///
    /// # Errors
    /// They cannot be read, or the registry does not take them.
    pub async fn send_signatures(&self, to: &Reference, new: &Parts) -> Result<(), PullError> {
        let there = match self.without_mirrors().manifest(to).await {
            Ok(manifest) => manifest.content,
            Err(OciError::NotFound { .. }) => {
                return self.send(to, new, &|_, _| {}).await.map(drop);
            }
            Err(error) => return Err(error.into()),
        };
        let what = to.to_string();
        let merged = match (there, new.root.read(&what)?) {
            (OciManifest::Image(there), OciManifest::Image(own)) => {
                let mut layers = there.layers;
                for new in own.layers {
                    let is_same = |old: &OciDescriptor| {
                        (&old.digest, &old.annotations) == (&new.digest, &new.annotations)
                    };
                    if !layers.iter().any(is_same) {
                        layers.push(new);
                    }
                }
                let (manifest, config) = manifest(layers);
                let contents = new.contents.iter().cloned().chain([config]).collect();
                Parts { root: manifest, children: Vec::new(), contents }
            }
            (OciManifest::ImageIndex(mut there), OciManifest::ImageIndex(own)) => {
                let known: Vec<String> = there.manifests.iter().map(|e| e.digest.clone()).collect();
                let new_ones = own.manifests.into_iter().filter(|e| !known.contains(&e.digest));
                there.manifests.extend(new_ones);
                let root = document(OCI_IMAGE_INDEX_MEDIA_TYPE, &there);
                Parts { root, children: new.children.clone(), contents: new.contents.clone() }
            }
            _ => new.clone(),
        };
        self.send(to, &merged, &|_, _| {}).await.map(drop)
    }

    /// The signatures of what has this digest, to be carried elsewhere, with what they are called there.
    ///
    /// # Errors
    /// They cannot be fetched, or are too many or too large for signatures.
    pub async fn collect_signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<(Reference, Parts)>, OciError> {
        let mut all = Vec::new();
        if let Some(manifest) = self.simple(reference, digest).await? {
            let contents = self.small_contents(reference, &manifest).await?;
            let (root, children) = (manifest.document, Vec::new());
            let name = reference.with_tag(&simple_tag(digest));
            all.push((name, Parts { root, children, contents }));
        }
        let (mut children, mut contents) = (Vec::new(), Vec::new());
        for bundle in self.bundles(reference, digest).await? {
            let bundle = match bundle {
                // Listed, and gone: there is nothing to carry.
                Err(OciError::NotFound { .. }) => continue,
                bundle => bundle?,
            };
            contents.extend(self.small_contents(reference, &bundle).await?);
            children.push(bundle.document);
        }
        if !children.is_empty() {
            let root = list(&children)?;
            let name = reference.with_tag(&referrers_tag(digest));
            all.push((name, Parts { root, children, contents }));
        }
        Ok(all)
    }

    /// What a manifest of signatures names, none of it large.
    async fn small_contents(
        &self,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<Vec<Part>, OciError> {
        let OciManifest::Image(content) = &manifest.content else { return Ok(Vec::new()) };
        if content.layers.len() > MOST {
            return Err(too_many(reference, &manifest.digest));
        }
        let mut parts = Vec::new();
        for descriptor in content.layers.iter().chain([&content.config]) {
            let digest = read(&descriptor.digest)?;
            let bytes = self.document(reference, &digest, LARGEST).await?;
            parts.push(Part::of("signature", &bytes));
        }
        Ok(parts)
    }
}

fn too_many(reference: &Reference, digest: &Digest) -> OciError {
    OciError::Malformed {
        what: format!("{} of {}", digest.short(), reference.source()),
        reason: format!("it has more than {MOST} signatures"),
    }
}

/// The list of referrers, as the distribution specification has it under a tag.
fn list(children: &[Document]) -> Result<Document, OciError> {
    let mut manifests = Vec::new();
    for child in children {
        let OciManifest::Image(manifest) = child.read("a signature")? else { continue };
        let blob = child.blob();
        manifests.push(ImageIndexEntry {
            media_type: child.media_type.clone(),
            digest: blob.digest.to_string(),
            size: size(&blob),
            platform: None,
            annotations: manifest.annotations,
            artifact_type: manifest.artifact_type,
        });
    }
    let index = OciImageIndex {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
        manifests,
        artifact_type: None,
        annotations: None,
    };
    Ok(document(OCI_IMAGE_INDEX_MEDIA_TYPE, &index))
}

fn layer(blob: &Blob, signature: String) -> OciDescriptor {
    OciDescriptor {
        media_type: SIMPLE.to_owned(),
        digest: blob.digest.to_string(),
        size: size(blob),
        annotations: Some([(SIGNATURE.to_owned(), signature)].into()),
        ..OciDescriptor::default()
    }
}

fn parts(signatures: Vec<(OciDescriptor, Vec<u8>)>) -> Parts {
    let layers = signatures.iter().map(|(layer, _)| layer.clone()).collect();
    let (root, config) = manifest(layers);
    let payloads = signatures.iter().map(|(_, payload)| Part::of("signature", payload));
    let contents = payloads.chain([config]).collect();
    Parts { root, children: Vec::new(), contents }
}

/// A manifest as cosign writes it, and its config: an image whose layers are payloads, nothing of it compressed.
fn manifest(layers: Vec<OciDescriptor>) -> (Document, Part) {
    const LONG_AGO: &str = "0001-01-01T00:00:00Z";
    let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let history: Vec<_> = digests.iter().map(|_| json!({ "created": LONG_AGO })).collect();
    let config = json!({
        "architecture": "",
        "created": LONG_AGO,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
        "config": {},
    });
    let config = Part::of("config", config.to_string().as_bytes());
    let manifest = OciImageManifest {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: OciDescriptor {
            media_type: IMAGE_CONFIG_MEDIA_TYPE.to_owned(),
            digest: config.blob.digest.to_string(),
            size: size(&config.blob),
            ..OciDescriptor::default()
        },
        layers,
        ..OciImageManifest::default()
    };
    (document(OCI_IMAGE_MEDIA_TYPE, &manifest), config)
}
