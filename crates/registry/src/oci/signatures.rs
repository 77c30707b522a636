//! The signatures that lie beside a provider, where cosign puts them:
//!
//! - under the tag `sha256-<hex>.sig`: a manifest, a layer for each signature of the first format
//! - as referrers: manifests that name the provider as their subject and hold a Sigstore bundle; a registry
//!   that cannot list referrers has the list under the tag `sha256-<hex>`, by the distribution specification

use dstream_signature::signature::{BUNDLES, CERTIFICATE, RECEIPT, SIGNATURE, SIMPLE};
use dstream_signature::{Signature, Simple};
use oci_client::RegistryOperation;
use oci_client::manifest::{ImageIndexEntry, OciDescriptor, OciManifest};

use super::assemble::EMPTY;
use super::error::OciError;
use super::manifest::{Manifest, parse};
use super::retry::retried;
use super::session::Registries;
use crate::digest::Digest;
use crate::reference::Reference;

/// How many signatures are read of each kind. Who has more of them is not helped by reading on.
const MOST: usize = 32;

/// The tag under which the signatures of the first format are.
pub fn simple_tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// The tag under which referrers are listed where the registry does not do it.
pub fn referrers_tag(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// Whether a reference is one of these tags, and no version of a provider.
pub fn is_signature(reference: &Reference) -> bool {
    reference.tag().is_some_and(is_signature_tag)
}

/// The same of a tag.
pub fn is_signature_tag(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").map(|rest| rest.strip_suffix(".sig").unwrap_or(rest));
    hex.is_some_and(|hex| format!("sha256:{hex}").parse::<Digest>().is_ok())
}

impl Registries {
    /// The signatures of what has this digest in a repository; none where nobody signed it.
    ///
    /// # Errors
    /// The registry does not answer, or what is there is not what it says.
    pub async fn signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<Signature>, OciError> {
        let mut found = Vec::new();
        if let Some(manifest) = self.simple(reference, digest).await? {
            for (layer, digest) in layers(&manifest.content, SIMPLE)? {
                let payload = self.document(reference, &digest).await?;
                found.push(Signature::Simple(simple(payload, &layer)));
            }
        }
        for manifest in self.bundles(reference, digest).await? {
            for kind in BUNDLES {
                for (_, digest) in layers(&manifest.content, kind)? {
                    found.push(Signature::Bundle(self.document(reference, &digest).await?));
                }
            }
        }
        Ok(found)
    }

    /// What holds the signatures of the first format.
    pub(crate) async fn simple(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Option<Manifest>, OciError> {
        found(self.manifest(&reference.with_tag(&simple_tag(digest))).await)
    }

    /// The manifests of the bundles.
    pub(crate) async fn bundles(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<Manifest>, OciError> {
        let listed = match self.referrers(reference, digest).await? {
            Some(listed) => Some(listed),
            None => {
                let tag = reference.with_tag(&referrers_tag(digest));
                found(self.manifest(&tag).await)?.map(|manifest| manifest.content)
            }
        };
        let Some(OciManifest::ImageIndex(index)) = listed else { return Ok(Vec::new()) };
        let mut bundles = Vec::new();
        for entry in index.manifests.iter().filter(|entry| may_be_bundle(entry)).take(MOST) {
            let manifest = self.manifest(&reference.with_digest(read(&entry.digest)?)).await?;
            if is_bundle(&manifest.content) {
                bundles.push(manifest);
            }
        }
        Ok(bundles)
    }

    /// What refers to the digest, as the registry lists it; nothing where it does not do that.
    async fn referrers(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Option<OciManifest>, OciError> {
        let what = format!("what refers to {} of {}", digest.short(), reference.source());
        let listed = retried(|| async {
            let session = self.open(reference, RegistryOperation::Pull).await?;
            let url = format!("{}/referrers/{digest}", session.base);
            let answer = session.get(&url, &what).await.map_err(|e| session.name(e))?;
            parse(&answer.bytes, &what)
        })
        .await;
        match listed {
            Ok(listed) => Ok(Some(listed)),
            Err(OciError::NotFound { .. }) => Ok(None),
            // Registries from before this request refuse it in ways of their own.
            Err(OciError::Refused { status: 400..=499, .. }) => Ok(None),
            Err(OciError::Malformed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn simple(payload: Vec<u8>, layer: &OciDescriptor) -> Simple {
    let noted = |name: &str| layer.annotations.as_ref()?.get(name).cloned();
    Simple {
        payload,
        signature: noted(SIGNATURE).unwrap_or_default(),
        certificate: noted(CERTIFICATE),
        receipt: noted(RECEIPT),
    }
}

/// The layers of this media type.
pub(super) fn layers(
    manifest: &OciManifest,
    kind: &str,
) -> Result<Vec<(OciDescriptor, Digest)>, OciError> {
    let OciManifest::Image(manifest) = manifest else { return Ok(Vec::new()) };
    let layers = manifest.layers.iter().filter(|layer| layer.media_type == kind).take(MOST);
    layers.map(|layer| Ok((layer.clone(), read(&layer.digest)?))).collect()
}

/// As far as a list says it. cosign 2.5 lists its bundles with the type of their empty config; what a
/// manifest is, it says itself.
fn may_be_bundle(entry: &ImageIndexEntry) -> bool {
    entry.artifact_type.as_deref().is_none_or(|kind| kind == EMPTY.0 || BUNDLES.contains(&kind))
}

fn is_bundle(manifest: &OciManifest) -> bool {
    let OciManifest::Image(manifest) = manifest else { return false };
    manifest.artifact_type.as_deref().is_some_and(|kind| BUNDLES.contains(&kind))
}

fn read(digest: &str) -> Result<Digest, OciError> {
    digest.parse().map_err(|e: crate::digest::BadDigest| OciError::Malformed {
        what: "a signature".to_owned(),
        reason: e.to_string(),
    })
}

/// Not there is an answer, too.
fn found(manifest: Result<Manifest, OciError>) -> Result<Option<Manifest>, OciError> {
    match manifest {
        Ok(manifest) => Ok(Some(manifest)),
        Err(OciError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
