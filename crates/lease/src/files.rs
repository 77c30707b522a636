//! A locked file for each lease: for instances on one machine. The system releases a lock when its
//! process ends, in whatever way; a process that is stopped keeps it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dstream_sdk::{Error, Result};

use crate::Owner;
use crate::store::{Grant, Renewed, Store, Taken, epoch_of};

/// A folder of lock files.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder, where it is not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        let cannot = |error: io::Error| failed("make", &folder, &error);
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        // The same from wherever an instance runs.
        Ok(Self { folder: folder.canonicalize().map_err(cannot)? })
    }

    /// A name may have slashes and whatever a table's name has.
    fn path(&self, name: &str) -> PathBuf {
        let mut file = String::new();
        for byte in name.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => file.push(char::from(byte)),
                // Upper case too: the file system may not tell it from lower case.
                byte => file.push_str(&format!("%{byte:02X}")),
            }
        }
        self.folder.join(file)
    }

    fn take(&self, name: &str, owner: &Owner) -> io::Result<Option<(File, u64)>> {
        let path = self.path(name);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let fields: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
        let epoch = match epoch_of(&fields) {
            Some(epoch) => epoch + 1,
            None if text.is_empty() => 1,
            None => {
                let text = "it does not say its epoch: remove it while no instance runs";
                return Err(io::Error::other(text));
            }
        };
        let fields: BTreeMap<_, _> =
            owner.fields().into_iter().chain([("epoch", epoch.to_string())]).collect();
        let text = serde_json::to_string(&fields)?;
        // Longer than what was there, or as long: a crash in between leaves the old or the new.
        file.rewind()?;
        file.write_all(format!("{text:<400}\n").as_bytes())?;
        file.sync_all()?;
        Ok(Some((file, epoch)))
    }

    fn fields(&self, name: &str) -> Option<BTreeMap<String, String>> {
        serde_json::from_str(&std::fs::read_to_string(self.path(name)).ok()?).ok()
    }
}

impl Store for Files {
    type Key = (File, String);

    fn place(&self) -> String {
        format!("file:{}", self.folder.display())
    }

    fn duration(&self) -> Option<Duration> {
        None
    }

    async fn acquire(&self, name: &str, owner: &Owner) -> Result<Taken<Self::Key>> {
        let taken =
            self.take(name, owner).map_err(|error| failed("lock", &self.path(name), &error))?;
        Ok(match taken {
            None => Taken::Held,
            Some((file, epoch)) => {
                let key = (file, owner.instance.clone());
                Taken::Ours(Grant { name: name.to_owned(), epoch, until: None, key })
            }
        })
    }

    /// A file that was removed, or put in the place of the locked one, locks nothing. Windows lets
    /// nobody read what is locked, and keeps the name of what is removed while it is open.
    async fn renew(&self, grant: &Grant<Self::Key>) -> Result<Renewed> {
        if cfg!(windows) {
            return Ok(Renewed::Until(None));
        }
        let fields = self.fields(&grant.name).unwrap_or_default();
        let ours =
            epoch_of(&fields) == Some(grant.epoch) && fields.get("instance") == Some(&grant.key.1);
        Ok(if ours { Renewed::Until(None) } else { Renewed::Lost })
    }

    async fn release(&self, grant: Grant<Self::Key>) -> Result<()> {
        let (file, _) = grant.key;
        file.unlock().map_err(|error| failed("unlock", &self.path(&grant.name), &error))
    }

    async fn held(&self, prefix: &str) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.folder)
            .map_err(|error| failed("list", &self.folder, &error))?;
        let mut held = Vec::new();
        for entry in entries.flatten() {
            let name = unescaped(&entry.file_name().to_string_lossy());
            // A shared lock, so that two that look at once do not see each other.
            let locked = File::open(entry.path())
                .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
            if name.starts_with(prefix) && locked {
                held.push(name);
            }
        }
        Ok(held)
    }

    async fn last_owner(&self, name: &str) -> Result<Option<(Owner, u64)>> {
        Ok(self
            .fields(name)
            .and_then(|fields| Some((Owner::from_fields(&fields)?, epoch_of(&fields)?))))
    }
}

fn unescaped(file: &str) -> String {
    let mut name = Vec::new();
    let mut rest = file.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let byte = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                name.push(byte);
                rest = &after[2..];
            }
            None => {
                name.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&name).into_owned()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::permanent(format!("cannot {what} {}: {error}", path.display()))
}
