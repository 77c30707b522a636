//! `provider_ref` and `required_providers`: from a registry, by way of the lock file and the cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use dstream_protocol::Description;
use dstream_task::Source;

use crate::lock::{LockError, LockFile, Locked};
use crate::oci::blob::PullEvent;
use crate::pin::{PinError, Wanted};
use crate::reference::BadReference;
use crate::store::{Store, here};

/// What may be done about a provider that is not locked, or not on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It is locked, and pulled.
    Add,
    /// It is pulled; not locked is an error.
    Locked,
    /// Neither: no registry is asked.
    Look,
}

/// Tells what happens to a provider: its name in the lock file, and what it is.
pub type Listener = Box<dyn Fn(&str, &RemoteEvent) + Send + Sync>;

/// What happens to a provider.
#[derive(Debug, Clone, PartialEq)]
pub enum RemoteEvent {
    /// It was new, and stands in the lock file now.
    Locked(Locked),
    /// It is being pulled.
    Pull(PullEvent),
    /// It is on this machine now.
    Pulled,
}

/// The providers of one project that come from registries.
pub struct Remote {
    store: Store,
    required: BTreeMap<String, Wanted>,
    folder: PathBuf,
    lock: Mutex<LockFile>,
    policy: Policy,
    listener: Listener,
}

/// A program from a registry, on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Installed {
    pub(crate) path: PathBuf,
    pub(crate) description: Option<Description>,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It is no reference.
    #[error(transparent)]
    Reference(#[from] BadReference),
    /// It cannot be locked or pulled.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The lock file.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It is locked, and was not pulled yet.
    #[error("{wanted} is not on this machine yet")]
    NotPulled {
        /// What is asked for.
        wanted: String,
    },
}

impl RemoteError {
    /// What to do about it, one line each.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Reference(error) => error.help(),
            Self::Pin(error) => error.help(),
            Self::Lock(error) => error.help(),
            Self::NotPulled { .. } => vec!["`dstream init` pulls it".to_owned()],
        }
    }
}

impl Remote {
    /// For the project in `folder`, whose lock file is read. It only looks, until it may do more.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub fn open(
        store: Store,
        required: BTreeMap<String, Wanted>,
        folder: &Path,
        listener: Listener,
    ) -> Result<Self, LockError> {
        let lock = Mutex::new(LockFile::load(folder)?);
        Ok(Self {
            store,
            required,
            folder: folder.to_owned(),
            lock,
            policy: Policy::Look,
            listener,
        })
    }

    /// What it may do from here on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Registries and cache.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What the lock file says now.
    pub fn lock(&self) -> LockFile {
        self.locked_file().clone()
    }

    /// What a block asks of a registry; nothing where it names a program of this machine.
    ///
    /// # Errors
    /// It is no reference.
    pub fn wanted(&self, source: &Source) -> Result<Option<Wanted>, BadReference> {
        match source {
            Source::Path(_) => Ok(None),
            Source::Name(name) => Ok(self.required.get(name).cloned()),
            Source::Ref(reference) => Ok(Some(Wanted::Exactly(reference.parse()?))),
        }
    }

    /// What the lock file says of it; where it says nothing, and may be told, what it says from now on.
    ///
    /// # Errors
    /// It is not locked, at another version than is asked for, or cannot be.
    pub async fn pinned(&self, wanted: &Wanted) -> Result<Locked, RemoteError> {
        let known = wanted.locked(&self.locked_file()).cloned();
        match known {
            Err(PinError::NotLocked { .. }) if self.policy == Policy::Add => {
                let earlier = wanted.earlier(&self.locked_file());
                let locked = self.store.pin_after(wanted, &earlier).await?;
                self.put(wanted, locked.clone())?;
                (self.listener)(&wanted.key(), &RemoteEvent::Locked(locked.clone()));
                Ok(locked)
            }
            Err(error) => Err(error.into()),
            Ok(locked) => match self.store.vouched(wanted, &locked) {
                Ok(()) => Ok(locked),
                Err(_) if self.policy == Policy::Add => self.note_signer(wanted, locked).await,
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Asks who signed what is locked: it may have been locked before the project had a rule for it.
    async fn note_signer(&self, wanted: &Wanted, locked: Locked) -> Result<Locked, RemoteError> {
        let signers = self.store.signers(wanted, &locked.digest).await?;
        let locked = locked.signed_by(wanted, &signers, &[])?;
        self.put(wanted, locked.clone())?;
        (self.listener)(&wanted.key(), &RemoteEvent::Locked(locked.clone()));
        Ok(locked)
    }

    /// Writes an entry of the lock file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, wanted: &Wanted, locked: Locked) -> Result<(), LockError> {
        self.change(|lock| {
            lock.providers.insert(wanted.key(), locked);
        })
    }

    /// Changes the lock file. It is read again first: another process may have added to it.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn change(&self, change: impl FnOnce(&mut LockFile)) -> Result<(), LockError> {
        let mut lock = self.locked_file();
        let mut new = LockFile::load(&self.folder)?;
        change(&mut new);
        new.save(&self.folder)?;
        *lock = new;
        Ok(())
    }

    /// The program.
    ///
    /// # Errors
    /// As [`pinned`](Self::pinned); or it cannot be pulled.
    pub(crate) async fn find(&self, wanted: &Wanted) -> Result<Installed, RemoteError> {
        let locked = self.pinned(wanted).await?;
        self.store.prove(wanted, &locked).await?;
        let path = match self.store.installed(wanted, &locked)? {
            Some(path) => path,
            None if self.policy == Policy::Look => {
                return Err(RemoteError::NotPulled { wanted: wanted.key() });
            }
            None => self.install(wanted, &locked).await?,
        };
        let description = self.store.description(wanted, &locked).await?;
        Ok(Installed { path, description })
    }

    /// Pulls the program, and says so.
    ///
    /// # Errors
    /// It cannot be pulled.
    pub async fn install(&self, wanted: &Wanted, locked: &Locked) -> Result<PathBuf, RemoteError> {
        let key = wanted.key();
        let total = here(wanted, locked)?.program.size;
        let tell = |event: PullEvent| (self.listener)(&key, &RemoteEvent::Pull(event));
        tell(PullEvent::Progress { done: 0, total });
        let path = self.store.install(wanted, locked, &tell).await?;
        (self.listener)(&key, &RemoteEvent::Pulled);
        Ok(path)
    }

    fn locked_file(&self) -> MutexGuard<'_, LockFile> {
        // The file is replaced as a whole: what is there is whole.
        self.lock.lock().unwrap_or_else(|e| e.into_inner())
    }
}
