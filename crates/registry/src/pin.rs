//! What a task file asks for, against what the lock file says.

use dstream_signature::{Distrust, Signer};
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
    /// Nobody whom the project trusts signed it.
    #[error("{wanted} at {} is not used: {distrust}", digest.short())]
    Distrusted {
        /// What is asked for.
        wanted: String,
        /// What it leads to.
        digest: Digest,
        /// Why.
        distrust: Distrust,
    },
    /// The lock file does not say that anybody whom the project trusts signed it.
    #[error("{wanted} is locked without a signer whom `trust` names: {}", match signer {
        Some(signer) => format!("it was signed by {signer}"),
        None => "no signer is noted".to_owned(),
    })]
    Unvouched {
        /// What is asked for.
        wanted: String,
        /// The signer in the lock file.
        signer: Option<Signer>,
    },
    /// The lock file names other programs than what was signed.
    #[error("{wanted} is locked with other programs than {} names", digest.short())]
    Altered {
        /// What is asked for.
        wanted: String,
        /// What is locked, and was signed.
        digest: Digest,
    },
    /// What is tagged with a version says of itself that it is another one.
    #[error("{wanted} is tagged {tag}, and says of itself that it is {says}")]
    Mislabelled {
        /// What is asked for.
        wanted: String,
        /// The tag.
        tag: String,
        /// The version in its description.
        says: String,
    },
    /// Somebody else signed it than what is locked.
    #[error("{wanted} was signed by {before}, and {}", match now {
        Some(now) => format!("{version} was signed by {now}"),
        None => format!("{version} is not signed"),
    })]
    OtherSigner {
        /// What is asked for.
        wanted: String,
        /// The version that would be locked.
        version: String,
        /// The signer in the lock file.
        before: Signer,
        /// The one of that version.
        now: Option<Signer>,
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
            Self::Distrusted { distrust: Distrust::Unsigned, .. } => vec![
                "its publisher signs it with `cosign sign` or `dstream provider push --sign-key`".to_owned(),
                "a `trust` block with `require_signature = false` lets it pass".to_owned(),
            ],
            Self::Distrusted { distrust: Distrust::Nobody { reasons }, .. } => {
                let mut help: Vec<String> =
                    reasons.iter().map(|reason| format!("a signature is there; {reason}")).collect();
                help.push("ask its publisher who signs; then name them in the `trust` block".to_owned());
                help
            }
            Self::Unvouched { .. } => {
                vec!["`dstream init` asks the registry who signed it, and notes that".to_owned()]
            }
            Self::Altered { .. } => vec![
                "the lock file was changed by hand: take the last good one from version control".to_owned(),
            ],
            Self::Mislabelled { .. } => vec![
                "a signature says nothing of tags: an older version may have been put in its place; ask its publisher".to_owned(),
            ],
            Self::OtherSigner { .. } => vec![
                "ask the publisher whether that is meant, before anything of it runs".to_owned(),
                "`dstream provider lock --accept-signer` locks it all the same".to_owned(),
            ],
            Self::Pull(error) => error.help(),
        }
    }
}

impl Locked {
    /// Notes who signed it: of several, the one that signed what it takes the place of.
    ///
    /// # Errors
    /// [`PinError::OtherSigner`]: that was signed, and none of these did it.
    pub fn signed_by(
        mut self,
        wanted: &Wanted,
        signers: &[Signer],
        earlier: &[Signer],
    ) -> Result<Self, PinError> {
        let continues = |signer: &&Signer| earlier.iter().any(|before| signer.continues(before));
        self.signer = match earlier {
            [] => signers.first().cloned(),
            [before, ..] => match signers.iter().find(continues) {
                Some(signer) => Some(signer.clone()),
                None => {
                    return Err(PinError::OtherSigner {
                        wanted: wanted.key(),
                        version: self.version(),
                        before: before.clone(),
                        now: signers.first().cloned(),
                    });
                }
            },
        };
        Ok(self)
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
        let (fits, constraint) = match self {
            // A lock file that was written by hand must not lead elsewhere than the task file says.
            Self::Exactly(reference) => match reference.digest() {
                Some(digest) => (locked.digest == *digest, digest.short()),
                None => (
                    locked.tag == self.tag(reference),
                    reference.tag().unwrap_or("latest").to_owned(),
                ),
            },
            Self::Version { constraint, .. } => {
                let version = locked.tag.as_deref().unwrap_or_default();
                let version = Version::parse(version.strip_prefix('v').unwrap_or(version)).ok();
                let fits = version.is_some_and(|version| match constraint {
                    Some(constraint) => constraint.matches(&version),
                    None => true,
                });
                (
                    fits,
                    constraint.as_ref().map_or_else(|| "a version".to_owned(), ToString::to_string),
                )
            }
        };
        if fits {
            return Ok(locked);
        }
        let locked = locked.version();
        Err(PinError::Outside { source_name: key, locked, constraint })
    }

    /// The tag by which something is locked; nothing where it was asked for by its digest.
    pub(crate) fn tag(&self, reference: &Reference) -> Option<String> {
        match reference.digest() {
            Some(_) => None,
            None => Some(reference.tag().unwrap_or("latest").to_owned()),
        }
    }

    /// Who signed what a lock file has of the same repository, under whatever name.
    pub fn earlier(&self, lock: &LockFile) -> Vec<Signer> {
        let source = self.reference().source();
        let is_same = |key: &str| {
            key.parse::<Reference>().is_ok_and(|reference| reference.source() == source)
        };
        let same = lock.providers.iter().filter(|(key, _)| is_same(key));
        let mut signers: Vec<Signer> =
            same.filter_map(|(_, locked)| locked.signer.clone()).collect();
        signers.dedup();
        signers
    }
}
