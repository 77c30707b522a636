//! From what a task file asks for to what the lock file says, and from there to a program.

use std::path::PathBuf;

use dstream_protocol::Description;
use dstream_task::Constraint;
use semver::Version;

use crate::cache::{Cache, CacheError, Held};
use crate::digest::Digest;
use crate::lock::{LockFile, Locked};
use crate::oci::blob::{PullError, PullEvent};
use crate::oci::tags::versions;
use crate::oci::{Binary, OciError, Package, Registries};
use crate::platform::Platform;
use crate::reference::Reference;

/// What a task file asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// `provider_ref = "ghcr.io/acme/dstream-in-foo:v1.2.0"`.
    Exactly(Reference),
    /// `required_providers { foo = { source = "…", version = "~> 1.2" } }`.
    Version {
        /// The repository.
        source: Reference,
        /// Which of its versions will do. Without one: the highest that is no pre-release.
        constraint: Option<Constraint>,
    },
}

/// Why something is not locked, or cannot be run from what is.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// No tag is a version that will do.
    #[error("{source_name} has no version {constraint}")]
    NoVersion {
        /// The repository.
        source_name: String,
        /// What was asked for.
        constraint: String,
        /// The versions that there are.
        available: Vec<String>,
    },
    /// What is locked is not what is asked for now.
    #[error("{source_name} is locked at {locked}, and {constraint} is asked for now")]
    Outside {
        /// The repository.
        source_name: String,
        /// The version in the lock file.
        locked: String,
        /// What is asked for.
        constraint: String,
    },
    /// Nothing is locked.
    #[error("{wanted} is not in the lock file")]
    NotLocked {
        /// What is asked for.
        wanted: String,
    },
    /// What is locked has nothing for this machine.
    #[error("{wanted} is locked without a binary for {platform}")]
    NotForThis {
        /// What is asked for.
        wanted: String,
        /// This machine.
        platform: Platform,
        /// What it is locked for.
        available: Vec<String>,
    },
    /// The tag leads to something else than when it was locked.
    #[error("{reference} has been moved: it was {locked} when it was locked, and is {now} now")]
    Moved {
        /// The reference.
        reference: String,
        /// The digest in the lock file.
        locked: Digest,
        /// The digest that the registry gives.
        now: Digest,
    },
    /// What the provider says of itself cannot be read.
    #[error("{wanted} has a description that cannot be read: {reason}")]
    Description {
        /// What is asked for.
        wanted: String,
        /// Why.
        reason: String,
    },
    /// The registry or the disk.
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl From<OciError> for PinError {
    fn from(error: OciError) -> Self {
        Self::Pull(error.into())
    }
}

impl From<CacheError> for PinError {
    fn from(error: CacheError) -> Self {
        Self::Pull(error.into())
    }
}

impl PinError {
    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::NoVersion { available, .. } if available.is_empty() => {
                vec!["none of its tags is a version, such as `v1.2.0`".to_owned()]
            }
            Self::NoVersion { available, .. } => {
                vec![format!("versions that are there: {}", available.join(", "))]
            }
            Self::Outside { .. } => vec![
                "`dstream init --upgrade` chooses again; or change `version` in `required_providers` back"
                    .to_owned(),
            ],
            Self::NotLocked { .. } => {
                vec!["`dstream init` locks it; keep .dstream.lock.hcl in version control".to_owned()]
            }
            Self::NotForThis { available, .. } => {
                vec![format!("it is locked for {}", available.join(", "))]
            }
            Self::Moved { .. } => vec![
                "whoever can write to the repository put something else in its place: ask them why, before anything of it runs".to_owned(),
                "what is locked still runs; `dstream provider lock` takes the new one".to_owned(),
            ],
            Self::Description { .. } => Vec::new(),
            Self::Pull(error) => error.help(),
        }
    }
}

impl Wanted {
    /// What it is called in the lock file.
    pub fn key(&self) -> String {
        match self {
            Self::Exactly(reference) => reference.to_string(),
            Self::Version { source, .. } => source.source(),
        }
    }

    /// The repository.
    pub fn reference(&self) -> &Reference {
        match self {
            Self::Exactly(reference) => reference,
            Self::Version { source, .. } => source,
        }
    }

    /// What the lock file says of it.
    ///
    /// # Errors
    /// Nothing, or another version than is asked for.
    pub fn locked<'a>(&self, lock: &'a LockFile) -> Result<&'a Locked, PinError> {
        let key = self.key();
        let Some(locked) = lock.providers.get(&key) else {
            return Err(PinError::NotLocked { wanted: key });
        };
        let Self::Version { constraint: Some(constraint), .. } = self else { return Ok(locked) };
        let version = locked.tag.as_deref().unwrap_or_default();
        let fits = Version::parse(version.strip_prefix('v').unwrap_or(version))
            .is_ok_and(|version| constraint.matches(&version));
        if fits {
            return Ok(locked);
        }
        let (locked, constraint) = (locked.version(), constraint.to_string());
        Err(PinError::Outside { source_name: key, locked, constraint })
    }
}

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
