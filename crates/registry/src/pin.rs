//! What a task file asks for, against what the lock file says.

use dstream_task::Constraint;
use semver::Version;

use crate::cache::CacheError;
use crate::digest::Digest;
use crate::lock::{LockFile, Locked};
use crate::oci::OciError;
use crate::oci::blob::PullError;
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
