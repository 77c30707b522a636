//! Which version of a provider would do, where the one that was chosen speaks no protocol that we do.

use dstream_protocol::{Description, VERSION};

use crate::oci::Binary;
use crate::oci::tags::versions;
use crate::pin::Wanted;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::Store;

/// How many versions are looked at, newest first.
const LOOKED_AT: usize = 10;

impl Store {
    /// The newest version for this machine whose description names a protocol that the host speaks, or
    /// that has none, as those of version 1. Nothing where there is none, or the registry does not answer.
    pub async fn speaking(&self, wanted: &Wanted) -> Option<String> {
        let source = wanted.reference();
        let all = versions(&self.registries.tags(source).await.ok()?);
        let stable = all.iter().rev().filter(|(version, _)| version.pre.is_empty());
        for (_, tag) in stable.take(LOOKED_AT) {
            let reference = source.with_tag(tag);
            let package = self.registries.package(&reference).await.ok()?;
            let Some(binary) = package.binaries.get(&Platform::current()) else { continue };
            if self.is_spoken(&reference, binary).await? {
                return Some(tag.clone());
            }
        }
        None
    }

    async fn is_spoken(&self, reference: &Reference, binary: &Binary) -> Option<bool> {
        let Some(digest) = &binary.description else { return Some(true) };
        let bytes = self.registries.small(reference, digest, &self.cache).await.ok()?;
        let described: Option<Description> = serde_json::from_slice(&bytes).ok();
        let speaks = |d: Description| d.protocol.contains(&VERSION) || d.protocol.contains(&1);
        Some(described.is_none_or(speaks))
    }
}
