//! What a replay keeps while it runs: a checkpoint in memory, and which letters came back.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dstream_engine::dead_letter::{DeadLetter, DeadLetters, LocalDeadLetters};
use dstream_engine::state::{InheritedLock, StateError, StateHandle, StateStore, TaskState};

/// A state for one replay. The task's own is held by whoever replays, and is not touched.
#[derive(Clone)]
pub(crate) struct MemoryState {
    state: Arc<Mutex<Option<TaskState>>>,
    lock: Option<InheritedLock>,
}

impl MemoryState {
    /// Begins with `state`. Providers inherit `lock`, so that the task's own state stays held while
    /// one of them lives.
    pub(crate) fn new(state: TaskState, lock: Option<InheritedLock>) -> Self {
        Self { state: Arc::new(Mutex::new(Some(state))), lock }
    }

    pub(crate) fn get(&self) -> Option<TaskState> {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn set(&self, to: Option<TaskState>) {
        *self.state.lock().unwrap_or_else(|e| e.into_inner()) = to;
    }
}

impl StateStore for MemoryState {
    fn open(&self, _: &str, _: Duration) -> Result<Box<dyn StateHandle>, StateError> {
        Ok(Box::new(self.clone()))
    }

    fn read(&self, _: &str) -> Result<Option<TaskState>, StateError> {
        Ok(self.get())
    }
}

impl StateHandle for MemoryState {
    fn load(&self) -> Result<Option<TaskState>, StateError> {
        Ok(self.get())
    }

    fn save(&self, state: &TaskState) -> Result<(), StateError> {
        self.set(Some(state.clone()));
        Ok(())
    }

    fn remove(&self) -> Result<(), StateError> {
        self.set(None);
        Ok(())
    }

    fn inherited_lock(&self) -> Option<InheritedLock> {
        self.lock.clone()
    }
}

/// The task's dead letters, and a note of those that are taken in.
pub(crate) struct Noting {
    letters: LocalDeadLetters,
    taken: Mutex<BTreeSet<String>>,
}

impl Noting {
    pub(crate) fn new(letters: LocalDeadLetters) -> Self {
        Self { letters, taken: Mutex::default() }
    }

    /// The ids of those that were rejected while this listened.
    pub(crate) fn taken(&self) -> BTreeSet<String> {
        self.taken.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

impl DeadLetters for Noting {
    fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        self.letters.append(letter)?;
        self.taken.lock().unwrap_or_else(|e| e.into_inner()).insert(letter.id.clone());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.letters.sync()
    }
}
