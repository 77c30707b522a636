//! Signing what is in a registry, and carrying signatures from one to another.

use dstream_signature::signature::{SIGNATURE, SIMPLE};
use dstream_signature::{BadKey, SigningKey, Simple};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageIndex, OciImageManifest, OciManifest,
};
use serde_json::json;

use super::assemble::{document, size};
use super::blob::{PullError, PullEvent};
use super::error::OciError;
use super::layout::Layout;
use super::package::Blob;
use super::parts::{Document, Part, Parts};
use super::session::Registries;
use super::signatures::{layers, referrers_tag, simple_tag};
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
        let mut all = Vec::new();
        if let Some(manifest) = self.simple(reference, digest).await? {
            let public = key.public()?;
            for (layer, of_layer) in layers(&manifest.content, SIMPLE)? {
                let bytes = self.document(reference, &of_layer).await?;
                let noted = layer.annotations.as_ref().and_then(|all| all.get(SIGNATURE));
                if noted.is_some_and(|signature| public.made(signature, &bytes)) {
                    return Ok(());
                }
                all.push((layer, bytes));
            }
        }
        let Simple { payload, signature, .. } =
            key.sign(&reference.source(), &digest.to_string())?;
        let part = Part::of("signature", &payload);
        all.push((layer(&part.blob, signature), payload));
        let to = reference.with_tag(&simple_tag(digest));
        self.send(&to, &parts(all), &|_, _| {}).await?;
        Ok(())
    }

    /// The signatures of what has this digest, on their way into a folder, with what they are called there.
    ///
    /// # Errors
    /// They cannot be fetched, or the disk is full.
    pub async fn collect_signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
        layout: &Layout,
    ) -> Result<Vec<(Reference, Parts)>, PullError> {
        let nothing = |_: &str, _: PullEvent| {};
        let mut all = Vec::new();
        if self.simple(reference, digest).await?.is_some() {
            let name = reference.with_tag(&simple_tag(digest));
            let parts = self.collect(&name, layout, &nothing).await?;
            all.push((name, parts));
        }
        let (mut children, mut contents) = (Vec::new(), Vec::new());
        for bundle in self.bundles(reference, digest).await? {
            let parts =
                self.collect(&reference.with_digest(bundle.digest), layout, &nothing).await?;
            children.push(parts.root);
            contents.extend(parts.contents);
        }
        if !children.is_empty() {
            let root = list(&children)?;
            let name = reference.with_tag(&referrers_tag(digest));
            all.push((name, Parts { root, children, contents }));
        }
        Ok(all)
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

/// A manifest as cosign writes it: an image whose layers are payloads, nothing of it compressed.
fn parts(signatures: Vec<(OciDescriptor, Vec<u8>)>) -> Parts {
    const LONG_AGO: &str = "0001-01-01T00:00:00Z";
    let digests: Vec<&str> = signatures.iter().map(|(layer, _)| layer.digest.as_str()).collect();
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
        layers: signatures.iter().map(|(layer, _)| layer.clone()).collect(),
        ..OciImageManifest::default()
    };
    let root = document(OCI_IMAGE_MEDIA_TYPE, &manifest);
    let payloads = signatures.iter().map(|(_, payload)| Part::of("signature", payload));
    let contents = payloads.chain([config]).collect();
    Parts { root, children: Vec::new(), contents }
}
