//! Registries and the cache: from what is asked for to what is locked, and from there to a program.

use std::path::PathBuf;

use dstream_protocol::Description;
use dstream_task::Constraint;
use semver::Version;

use crate::cache::{Cache, Held};
use crate::lock::Locked;
use crate::oci::blob::PullEvent;
use crate::oci::tags::versions;
use crate::oci::{Binary, OciError, Package, Registries};
use crate::pin::{PinError, Wanted};
use crate::platform::Platform;
use crate::reference::Reference;

/// Registries and the cache of what came from them.
pub struct Store {
    /// Where it comes from.
    pub registries: Registries,
    /// Where it is kept.
    pub cache: Cache,
}

impl Store {
    /// Asks the registry which content is meant now. Nothing but small documents is fetched.
    ///
    /// # Errors
    /// It is not there, no version will do, or the registry does not answer.
    pub async fn pin(&self, wanted: &Wanted) -> Result<Locked, PinError> {
        let (reference, constraint) = match wanted {
            Wanted::Exactly(reference) => (reference.clone(), None),
            Wanted::Version { source, constraint } => {
                let tag = self.choose(source, constraint.as_ref()).await?;
                (source.with_tag(&tag), constraint.as_ref().map(ToString::to_string))
            }
        };
        let package = self.package(&reference).await?;
        let tag = match reference.digest() {
            Some(_) => None,
            None => Some(reference.tag().unwrap_or("latest").to_owned()),
        };
        Ok(Locked::new(&package, tag, constraint))
    }

    /// What is in the registry; where the tag is not there, the error says which are.
    ///
    /// # Errors
    /// It is not there, or is no provider.
    pub async fn package(&self, reference: &Reference) -> Result<Package, OciError> {
        match self.registries.package(reference).await {
            Err(OciError::NotFound { what, .. }) => {
                let tags = self.registries.tags(reference).await.unwrap_or_default();
                Err(OciError::NotFound { what, tags })
            }
            other => other,
        }
    }

    /// The highest version that will do.
    async fn choose(
        &self,
        source: &Reference,
        constraint: Option<&Constraint>,
    ) -> Result<String, PinError> {
        let all = versions(&self.registries.tags(source).await?);
        let fits = |version: &Version| match constraint {
            Some(constraint) => constraint.matches(version),
            None => version.pre.is_empty(),
        };
        let best = all.iter().rev().find(|(version, _)| fits(version));
        best.map(|(_, tag)| tag.clone()).ok_or_else(|| PinError::NoVersion {
            source_name: source.source(),
            constraint: constraint.map_or_else(|| "at all".to_owned(), ToString::to_string),
            available: all.into_iter().map(|(_, tag)| tag).collect(),
        })
    }

    /// Whether the tag still leads to what is locked.
    ///
    /// # Errors
    /// [`PinError::Moved`] where it does not; or the registry does not answer.
    pub async fn unmoved(&self, wanted: &Wanted, locked: &Locked) -> Result<(), PinError> {
        let Some(tag) = &locked.tag else { return Ok(()) };
        let reference = wanted.reference().with_tag(tag);
        let now = self.registries.manifest(&reference).await?.digest;
        if now == locked.digest {
            return Ok(());
        }
        let (reference, locked) = (reference.to_string(), locked.digest.clone());
        Err(PinError::Moved { reference, locked, now })
    }

    /// The program of what is locked, where the cache has it: nothing is asked of a registry.
    ///
    /// # Errors
    /// It is not for this machine, or the cache cannot be read.
    pub fn installed(&self, wanted: &Wanted, locked: &Locked) -> Result<Option<PathBuf>, PinError> {
        let binary = here(wanted, locked)?;
        match self.cache.look(&binary.program.digest)? {
            Held::Good(path) => Ok(Some(path)),
            Held::Missing => Ok(None),
            Held::Corrupt => {
                let path = self.cache.path(&binary.program.digest);
                tracing::warn!(path = %path.display(), "the file has been changed since it was pulled, and is not used");
                Ok(None)
            }
        }
    }

    /// The program of what is locked, pulled where it is not there.
    ///
    /// # Errors
    /// It is not for this machine, cannot be pulled, or is not what is locked.
    pub async fn install(
        &self,
        wanted: &Wanted,
        locked: &Locked,
        events: &dyn Fn(PullEvent),
    ) -> Result<PathBuf, PinError> {
        let program = &here(wanted, locked)?.program;
        match self.cache.look(&program.digest)? {
            Held::Good(path) => Ok(path),
            _ => Ok(self.registries.pull(wanted.reference(), program, &self.cache, events).await?),
        }
    }

    /// What the provider says of itself, where that is stored beside it.
    ///
    /// # Errors
    /// It cannot be had, or read.
    pub async fn description(
        &self,
        wanted: &Wanted,
        locked: &Locked,
    ) -> Result<Option<Description>, PinError> {
        let Some(digest) = &here(wanted, locked)?.description else { return Ok(None) };
        let bytes = self.registries.small(wanted.reference(), digest, &self.cache).await?;
        Ok(described(&bytes))
    }
}

/// A description, where it is one: the original's `provider.json` says other things.
fn described(bytes: &[u8]) -> Option<Description> {
    serde_json::from_slice(bytes).ok()
}

/// What is locked for this machine.
pub fn here<'a>(wanted: &Wanted, locked: &'a Locked) -> Result<&'a Binary, PinError> {
    let platform = Platform::current();
    locked.platforms.get(&platform).ok_or_else(|| PinError::NotForThis {
        wanted: wanted.key(),
        platform,
        available: locked.platforms.keys().map(ToString::to_string).collect(),
    })
}
