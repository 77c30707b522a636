//! The signatures that lie beside a provider, where cosign puts them:
//!
//! - under the tag `sha256-<hex>.sig`: a manifest, a layer for each signature of the first format
//! - as referrers: manifests that name the provider as their subject and hold a Sigstore bundle; a registry
//!   that cannot list referrers has the list under the tag `sha256-<hex>`, by the distribution specification

use std::time::Duration;

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

/// How many signatures are looked at in all, and how large one may be. Who has more is not helped by reading on.
pub(super) const MOST: usize = 32;
pub(super) const LARGEST: u64 = 512 << 10;
/// How long all of them may take together.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// The signatures of what has this digest in a repository; none where nobody signed it. One that cannot
    /// be had is [`Signature::Unreadable`]: it must not hide those beside it.
    ///
    /// # Errors
    /// The registry does not answer, or not to an end.
    pub async fn signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<Signature>, OciError> {
        let found = tokio::time::timeout(PATIENCE, self.all_signatures(reference, digest)).await;
        found.unwrap_or_else(|_| {
            let registry = reference.registry().to_owned();
            let reason = format!("the signatures did not come within {} s", PATIENCE.as_secs());
            Err(OciError::Unreachable { registry, reason })
        })
    }

    async fn all_signatures(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<Signature>, OciError> {
        let mut all = Vec::new();
        let (simple, bundles) =
            tokio::try_join!(self.simple(reference, digest), self.bundles(reference, digest))?;
        if let Some(manifest) = simple {
            for layer in layers(&manifest.content, &[SIMPLE]).take(MOST) {
                let payload = self.signed(reference, layer).await;
                all.push(readable(
                    payload.map(|payload| Signature::Simple(of_layer(payload, layer))),
                )?);
            }
        }
        for manifest in bundles {
            let manifest = match manifest {
                Ok(manifest) => manifest,
                Err(error) => {
                    all.push(readable(Err(error))?);
                    continue;
                }
            };
            for layer in layers(&manifest.content, &BUNDLES).take(MOST.saturating_sub(all.len())) {
                let bundle = self.signed(reference, layer).await;
                all.push(readable(bundle.map(Signature::Bundle))?);
            }
        }
        Ok(all)
    }

    /// The content of a layer that is a signature.
    async fn signed(
        &self,
        reference: &Reference,
        layer: &OciDescriptor,
    ) -> Result<Vec<u8>, OciError> {
        self.document(reference, &read(&layer.digest)?, LARGEST).await
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
    ) -> Result<Vec<Result<Manifest, OciError>>, OciError> {
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
            let manifest = match read(&entry.digest) {
                Ok(digest) => self.manifest(&reference.with_digest(digest)).await,
                Err(error) => Err(error),
            };
            if manifest.as_ref().map_or(true, |manifest| is_bundle(&manifest.content)) {
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
            Err(error) if error.is_transient() => Err(error),
            // Registries from before this request refuse it in ways of their own.
            Err(
                OciError::NotFound { .. }
                | OciError::Unauthorised { .. }
                | OciError::Refused { .. }
                | OciError::Malformed { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn of_layer(payload: Vec<u8>, layer: &OciDescriptor) -> Simple {
    let noted = |name: &str| layer.annotations.as_ref()?.get(name).cloned();
    Simple {
        payload,
        signature: noted(SIGNATURE).unwrap_or_default(),
        certificate: noted(CERTIFICATE),
        receipt: noted(RECEIPT),
    }
}

/// The layers of these media types.
pub(super) fn layers<'a>(
    manifest: &'a OciManifest,
    kinds: &'a [&str],
) -> impl Iterator<Item = &'a OciDescriptor> {
    let layers = match manifest {
        OciManifest::Image(manifest) => &manifest.layers[..],
        OciManifest::ImageIndex(_) => &[],
    };
    layers.iter().filter(move |layer| kinds.contains(&layer.media_type.as_str()))
}

/// What cannot be had stands there as such, also where a registry fails at one of them whenever it is asked.
/// What may come in a moment is an error.
fn readable(found: Result<Signature, OciError>) -> Result<Signature, OciError> {
    match found {
        Err(error @ (OciError::Unreachable { .. } | OciError::Refused { status: 429, .. })) => {
            Err(error)
        }
        Err(error) => Ok(Signature::Unreadable(error.to_string())),
        Ok(found) => Ok(found),
    }
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

pub(super) fn read(digest: &str) -> Result<Digest, OciError> {
    digest.parse().map_err(|e: crate::digest::BadDigest| OciError::Malformed {
        what: "a signature".to_owned(),
        reason: e.to_string(),
    })
}

/// Not there is an answer, too.
fn found(manifest: Result<Manifest, OciError>) -> Result<Option<Manifest>, OciError> {
    match manifest {
        Ok(manifest) => Ok(Some(manifest)),
        // Some registries say so of what is not there.
        Err(OciError::NotFound { .. } | OciError::Unauthorised { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
