//! What a replay keeps while it runs: a checkpoint in memory, and which letters came back.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dstream_engine::dead_letter::{Closed, Counts, DeadLetter, DeadLetters, LocalDeadLetters};
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

/// The task's dead letters, and a note of those that came back.
pub(crate) struct Noting {
    letters: LocalDeadLetters,
    /// What is sent.
    sent: Vec<DeadLetter>,
    back: Mutex<Vec<Back>>,
}

/// A letter that was rejected while the replay ran.
struct Back {
    /// Who took it in, and as which one.
    key: String,
    run: Option<String>,
    n: u64,
    id: String,
}

impl Noting {
    pub(crate) fn new(letters: LocalDeadLetters, sent: Vec<DeadLetter>) -> Self {
        Self { letters, sent, back: Mutex::default() }
    }

    /// The ids of those that were rejected while this listened.
    pub(crate) fn taken(&self) -> BTreeSet<String> {
        self.back().iter().map(|b| b.id.clone()).collect()
    }

    fn back(&self) -> std::sync::MutexGuard<'_, Vec<Back>> {
        self.back.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The letter of which this is the envelope, come back from the block that it was sent to. Of
    /// equal ones each comes back once.
    fn sent(&self, letter: &DeadLetter, back: &[Back]) -> Option<&DeadLetter> {
        let envelope = |l: &DeadLetter| l.envelope.as_ref().map(|e| e.get().to_owned());
        let wanted = envelope(letter);
        self.sent.iter().find(|sent| {
            sent.key() == letter.key()
                && envelope(sent) == wanted
                && !back.iter().any(|b| b.id == sent.id)
        })
    }
}

impl DeadLetters for Noting {
    fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        if letter.n == 0 {
            // A destination kept it in a replay that was broken off: its letter is sent again.
            return Ok(());
        }
        let mut back = self.back();
        let kept = match self.sent(letter, &back) {
            // It is the same letter still, and only the reason may be another.
            Some(sent) => DeadLetter {
                run: Some(sent.run.clone().unwrap_or_default()),
                error: letter.error.clone(),
                ..sent.clone()
            },
            None => letter.clone(),
        };
        self.letters.append(&kept)?;
        let (key, run, n) = (letter.key(), letter.run.clone(), letter.n);
        back.push(Back { key, run, n, id: kept.id });
        Ok(())
    }

    fn close(&self, _: &Closed) -> io::Result<()> {
        // The checkpoint of a replay is in memory: there is nobody to be ahead of.
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.letters.sync()
    }

    fn closed(&self, _: &str, _: u64) -> io::Result<Counts> {
        Ok(Counts::new())
    }

    /// An attempt failed, and the next one sends these again: they may be taken this time.
    fn cut(&self, run: &str, covered: &Counts) -> io::Result<usize> {
        let beyond = |b: &Back| {
            b.run.as_deref() == Some(run) && b.n > covered.get(&b.key).copied().unwrap_or(0)
        };
        self.back().retain(|b| !beyond(b));
        self.letters.cut(run, covered)
    }
}
