//! Registries and the cache: from what is asked for to what is locked, and from there to a program.

use std::path::PathBuf;

use dstream_protocol::Description;
use dstream_signature::{Rule, Signer, Trust, judge};
use dstream_task::Constraint;
use semver::Version;

use crate::cache::{Cache, Held};
use crate::digest::Digest;
use crate::lock::{LockFile, Locked};
use crate::oci::blob::PullEvent;
use crate::oci::signatures::is_signature_tag;
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
    /// Whose signatures are wanted.
    pub trust: Trust,
}

impl Store {
    /// Asks the registry which content is meant now. Nothing but small documents is fetched.
    ///
    /// # Errors
    /// It is not there, no version will do, or the registry does not answer.
    pub async fn pin(&self, wanted: &Wanted) -> Result<Locked, PinError> {
        self.pin_after(wanted, &[]).await
    }

    /// The same for what takes the place of earlier entries: who signed one of them signs it, too.
    ///
    /// # Errors
    /// As [`pin`](Self::pin); [`PinError::OtherSigner`].
    pub async fn pin_after(&self, wanted: &Wanted, earlier: &[Signer]) -> Result<Locked, PinError> {
        let (reference, constraint) = match wanted {
            Wanted::Exactly(reference) => (reference.clone(), None),
            Wanted::Version { source, constraint } => {
                let tag = self.choose(source, constraint.as_ref()).await?;
                (source.with_tag(&tag), constraint.as_ref().map(ToString::to_string))
            }
        };
        let package = self.package(&reference).await?;
        let signers = self.signers(wanted, &package.digest).await?;
        let locked = Locked::new(&package, wanted.tag(&reference), constraint);
        let locked = locked.signed_by(wanted, &signers, earlier)?;
        self.labelled(wanted, &locked).await?;
        Ok(locked)
    }

    /// Everybody who signed what has this digest and counts here.
    ///
    /// # Errors
    /// [`PinError::Distrusted`] where a signature is wanted and none counts; or the registry does not answer.
    pub async fn signers(&self, wanted: &Wanted, digest: &Digest) -> Result<Vec<Signer>, PinError> {
        let signatures = self.registries.signatures(wanted.reference(), digest).await?;
        let rule = self.rule(wanted);
        judge(&digest.to_string(), &signatures, rule).map_err(|distrust| PinError::Distrusted {
            wanted: wanted.key(),
            digest: digest.clone(),
            distrust,
        })
    }

    fn rule(&self, wanted: &Wanted) -> Option<&Rule> {
        self.trust.of(&wanted.reference().source())
    }

    /// A signature says nothing of tags: where there is a rule, what is tagged with a version must say of itself
    /// that it is that version, lest an older one be put in its place.
    async fn labelled(&self, wanted: &Wanted, locked: &Locked) -> Result<(), PinError> {
        let version = |text: &str| Version::parse(text.strip_prefix('v').unwrap_or(text)).ok();
        let (Some(_), Some(tag)) = (self.rule(wanted), &locked.tag) else { return Ok(()) };
        let described = locked.platforms.values().find_map(|binary| binary.description.as_ref());
        let (Some(tagged), Some(digest)) = (version(tag), described) else { return Ok(()) };
        let bytes = self.registries.small(wanted.reference(), digest, &self.cache).await?;
        match described_version(&bytes) {
            Some(says) if version(&says) != Some(tagged) => {
                Err(PinError::Mislabelled { wanted: wanted.key(), tag: tag.clone(), says })
            }
            _ => Ok(()),
        }
    }

    /// Whether the signer that is locked is one whom the project trusts: its rules may be newer.
    ///
    /// # Errors
    /// [`PinError::Unvouched`].
    pub fn vouched(&self, wanted: &Wanted, locked: &Locked) -> Result<(), PinError> {
        let good = match (self.rule(wanted), &locked.signer) {
            (None, _) => true,
            (Some(rule), None) => !rule.required,
            (Some(rule), Some(signer)) => rule.allows(signer),
        };
        if good {
            return Ok(());
        }
        Err(PinError::Unvouched { wanted: wanted.key(), signer: locked.signer.clone() })
    }

    /// What is in the registry; where the tag is not there, the error says which are.
    ///
    /// # Errors
    /// It is not there, or is no provider.
    pub async fn package(&self, reference: &Reference) -> Result<Package, OciError> {
        match self.registries.package(reference).await {
            Err(OciError::NotFound { what, .. }) => {
                let mut tags = self.registries.tags(reference).await.unwrap_or_default();
                tags.retain(|tag| !is_signature_tag(tag));
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

    /// The program of what is locked, pulled where it is not there; [proven](Self::prove) before.
    ///
    /// # Errors
    /// It is not for this machine, cannot be pulled, is not what is locked, or not signed as it should be.
    pub async fn install(
        &self,
        wanted: &Wanted,
        locked: &Locked,
        events: &dyn Fn(PullEvent),
    ) -> Result<PathBuf, PinError> {
        self.prove(wanted, locked).await?;
        let program = &here(wanted, locked)?.program;
        if let Held::Good(path) = self.cache.look(&program.digest)? {
            return Ok(path);
        }
        Ok(self.registries.pull(wanted.reference(), program, &self.cache, events).await?)
    }

    /// Where the project has a rule for it: looks whether what is locked is what was signed, unless this machine
    /// has seen that already. A lock file is easily written by hand, and what it names may be in the cache for
    /// another reason; so what was seen is noted for the rule and every word of the entry.
    ///
    /// # Errors
    /// As [`signed`](Self::signed).
    pub async fn prove(&self, wanted: &Wanted, locked: &Locked) -> Result<(), PinError> {
        let Some(rule) = self.rule(wanted) else { return Ok(()) };
        let entry = LockFile { providers: [(wanted.key(), locked.clone())].into() };
        let mark = Digest::of(format!("{}\n{entry}", rule.mark()).as_bytes());
        if self.cache.is_proven(&mark)? {
            return Ok(());
        }
        self.vouched(wanted, locked)?;
        self.signed(wanted, locked).await?;
        Ok(self.cache.note_proven(&mark)?)
    }

    /// Who signed what is locked, looked at again; and whether the lock file names the programs that were
    /// signed: a signature is that of the index, which names them.
    ///
    /// # Errors
    /// A signature is wanted and none counts, what was signed is signed no more or by somebody else, or
    /// [`PinError::Altered`].
    pub async fn signed(
        &self,
        wanted: &Wanted,
        locked: &Locked,
    ) -> Result<Option<Signer>, PinError> {
        let signers = self.signers(wanted, &locked.digest).await?;
        let earlier: Vec<Signer> = locked.signer.iter().cloned().collect();
        let now = locked.clone().signed_by(wanted, &signers, &earlier)?;
        let reference = wanted.reference().with_digest(locked.digest.clone());
        if self.registries.package(&reference).await?.binaries == locked.platforms {
            return Ok(now.signer);
        }
        Err(PinError::Altered { wanted: wanted.key(), digest: locked.digest.clone() })
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

/// The version that a description names, of whatever form it is.
fn described_version(bytes: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    Some(document["version"].as_str()?.to_owned())
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
