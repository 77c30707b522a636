//! Rejected envelopes, kept until somebody replays or drops them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dstream_protocol::{Json, ProviderError, Rejected, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::state::LocalState;

/// One rejected envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The same for the same rejection, also after a replay of the source.
    pub id: String,
    /// When it was first kept, RFC 3339 in UTC.
    pub at: String,
    /// The block that rejected it.
    pub provider: String,
    /// Where that block stands.
    pub role: Role,
    /// Why.
    pub error: ProviderError,
    /// The envelope as that block received it (or read it, for an input).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Json>,
    /// Base64 of it, where it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl DeadLetter {
    /// Takes a rejection in. One without an id gets one made of what it holds.
    pub fn new(role: Role, provider: &str, rejected: Rejected) -> Self {
        let id = rejected.id.unwrap_or_else(|| {
            let mut hash = Sha256::new();
            hash.update(provider.as_bytes());
            hash.update(rejected.envelope.as_deref().map_or("", |e| e.get()).as_bytes());
            hash.update(rejected.raw.as_deref().unwrap_or("").as_bytes());
            hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
        });
        Self {
            id,
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            provider: provider.to_owned(),
            role,
            error: rejected.error,
            envelope: rejected.envelope,
            raw: rejected.raw,
        }
    }
}

/// Keeps dead letters. Calls may block on a disk.
pub trait DeadLetters: Send + Sync {
    /// Takes one in. It is durable after the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// Where it cannot be written.
    fn append(&self, letter: &DeadLetter) -> io::Result<()>;

    /// Makes everything that was taken in durable.
    ///
    /// # Errors
    /// Where the disk says no.
    fn sync(&self) -> io::Result<()>;
}

/// Dead letters of one task in a file, one JSON object a line, beside its state.
#[derive(Debug)]
pub struct LocalDeadLetters {
    path: PathBuf,
    open: Mutex<Option<(File, bool)>>,
}

impl LocalDeadLetters {
    /// The dead letters of a task whose state is in `state`.
    pub fn new(state: &LocalState, task: &str) -> Self {
        Self { path: state.folder(task).join("dead_letters.jsonl"), open: Mutex::new(None) }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, oldest first, each id of a provider once.
    ///
    /// # Errors
    /// Where the file cannot be read. Half a line at its end, of a crash, is left out.
    pub fn list(&self) -> io::Result<Vec<DeadLetter>> {
        let file = match File::open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut order = Vec::new();
        let mut letters = BTreeMap::new();
        for line in BufReader::new(file).split(b'\n') {
            let Ok(letter) = serde_json::from_slice::<DeadLetter>(&line?) else { continue };
            // Two outputs may reject one envelope, each for a reason of its own.
            let key = (letter.id.clone(), letter.role, letter.provider.clone());
            if letters.insert(key.clone(), letter).is_none() {
                order.push(key);
            }
        }
        Ok(order.iter().filter_map(|key| letters.remove(key)).collect())
    }

    /// Removes those for which `gone` is true and says how many that were. Only for a caller who
    /// holds the task's state.
    ///
    /// # Errors
    /// Where the file cannot be read or replaced; nothing is removed then.
    pub fn remove(&self, gone: impl Fn(&DeadLetter) -> bool) -> io::Result<usize> {
        let letters = self.list()?;
        let before = letters.len();
        let mut rest = Vec::new();
        for letter in letters.iter().filter(|l| !gone(l)) {
            serde_json::to_writer(&mut rest, letter)?;
            rest.push(b'\n');
        }
        let after = letters.iter().filter(|l| !gone(l)).count();
        if after < before {
            // What is open is the file that is replaced: what came later would go there and be lost.
            // Windows may also refuse to replace a file that is open.
            *self.open.lock().unwrap_or_else(|e| e.into_inner()) = None;
            crate::state::replace_file(&self.path, &rest)?;
        }
        Ok(before - after)
    }
}

impl DeadLetters for LocalDeadLetters {
    fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(|e| e.into_inner());
        if open.is_none() {
            *open = Some((append_to(&self.path)?, false));
        }
        let Some((file, dirty)) = open.as_mut() else { return Ok(()) };
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        *dirty = true;
        let before = file.metadata()?.len();
        let written = file.write_all(&line);
        if written.is_err() {
            // Half of it may be there, and would spoil the next one.
            file.set_len(before)?;
        }
        written
    }

    fn sync(&self) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(|e| e.into_inner());
        match open.as_mut() {
            Some((file, dirty)) if *dirty => {
                file.sync_data()?;
                *dirty = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Opens for appending, after whole lines only: half a line of a crash is cut off.
fn append_to(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        crate::state::make_folder(folder)?;
    }
    if let Ok(bytes) = fs::read(path) {
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |i| i + 1);
        if whole < bytes.len() {
            OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
        }
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if let Some(folder) = path.parent() {
        crate::state::sync_folder(folder)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_protocol::ErrorKind;

    fn letter(data: &str) -> DeadLetter {
        let rejected = Rejected {
            id: None,
            error: ProviderError::new(ErrorKind::Permanent, "no such column"),
            envelope: Some(serde_json::value::RawValue::from_string(data.into()).unwrap()),
            raw: None,
        };
        DeadLetter::new(Role::Output, "db", rejected)
    }

    #[test]
    fn the_same_rejection_is_kept_once_and_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let letters = LocalDeadLetters::new(&LocalState::new(folder.path()), "t");
        assert!(letters.list().unwrap().is_empty());
        for data in ["{\"n\":1.10}", "{\"n\":2}", "{\"n\":1.10}"] {
            letters.append(&letter(data)).unwrap();
        }
        letters.sync().unwrap();
        let kept = letters.list().unwrap();
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].envelope.as_ref().unwrap().get(), "{\"n\":1.10}");
    }

    #[test]
    fn half_a_line_of_a_crash_spoils_neither_what_is_before_nor_what_comes_after() {
        let folder = tempfile::tempdir().unwrap();
        let state = LocalState::new(folder.path());
        let first = LocalDeadLetters::new(&state, "t");
        first.append(&letter("1")).unwrap();
        first.append(&letter("2")).unwrap();
        let bytes = fs::read(first.path()).unwrap();
        fs::write(first.path(), &bytes[..bytes.len() - 5]).unwrap();
        let second = LocalDeadLetters::new(&state, "t");
        second.append(&letter("3")).unwrap();
        let kept: Vec<_> = second
            .list()
            .unwrap()
            .iter()
            .map(|l| l.envelope.as_ref().unwrap().get().to_owned())
            .collect();
        assert_eq!(kept, ["1", "3"]);
    }

    #[test]
    fn removing_keeps_the_others_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let letters = LocalDeadLetters::new(&LocalState::new(folder.path()), "t");
        for data in ["1", "2", "3"] {
            letters.append(&letter(data)).unwrap();
        }
        let gone = letters.remove(|l| l.envelope.as_ref().unwrap().get() == "2").unwrap();
        assert_eq!((gone, letters.list().unwrap().len()), (1, 2));
        letters.append(&letter("4")).unwrap();
        assert_eq!(letters.list().unwrap().len(), 3);
    }

    #[test]
    fn two_providers_that_reject_the_same_envelope_are_both_kept() {
        let folder = tempfile::tempdir().unwrap();
        let letters = LocalDeadLetters::new(&LocalState::new(folder.path()), "t");
        for provider in ["a", "b", "a"] {
            let one = DeadLetter { id: "1".into(), provider: provider.into(), ..letter("1") };
            letters.append(&one).unwrap();
        }
        assert_eq!(letters.list().unwrap().len(), 2);
    }
}
