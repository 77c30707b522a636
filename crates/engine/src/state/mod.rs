//! What is kept of a task between runs: who it is, where its inputs stand, what its outputs gave.
//!
//! - [`StateStore`] is what the engine needs; [`LocalState`] keeps it in files.
//! - [`TaskState`] is the document.

mod document;
mod local;
mod lock;

use std::time::Duration;

pub use document::{InputState, OutputState, STATE_VERSION, Sums, TaskState};
pub use local::LocalState;
pub(crate) use local::{make_folder, replace as replace_file, sync_folder};
pub use lock::{Holder, InheritedLock};

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run has it.
    #[error("the state of task `{task}` is held by another run{}", holder.as_ref().map(|h| format!(": {h}")).unwrap_or_default())]
    Held {
        /// The task.
        task: String,
        /// Who, where it can be told.
        holder: Option<Holder>,
    },
    /// A file cannot be read or written.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried: `cannot write`.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The document is not one of ours, or of a later version.
    #[error("{path} cannot be used: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl StateError {
    /// What a person can do about a document that cannot be read.
    pub fn help(&self) -> Option<&'static str> {
        matches!(self, Self::Unreadable { .. }).then_some(
            "bring it back from a backup, or begin again from the beginning: `dstream state rm TASK`",
        )
    }
}

/// Keeps the state of tasks. Calls may block.
pub trait StateStore: Send + Sync {
    /// Takes the one right to change a task's state; it ends when the handle is dropped.
    ///
    /// # Errors
    /// [`StateError::Held`] where somebody else has it and still has it after `wait`.
    fn open(&self, task: &str, wait: Duration) -> Result<Box<dyn StateHandle>, StateError>;

    /// Reads a task's state without taking the right to change it. `None`: there is none yet.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, task: &str) -> Result<Option<TaskState>, StateError>;
}

/// The right to change one task's state.
pub trait StateHandle: Send + Sync {
    /// Reads it. `None`: there is none yet.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn load(&self) -> Result<Option<TaskState>, StateError>;

    /// Replaces it. When this returns it survives a crash of the machine.
    ///
    /// # Errors
    /// Where it cannot be written; the state before is still there then.
    fn save(&self, state: &TaskState) -> Result<(), StateError>;

    /// Forgets it.
    ///
    /// # Errors
    /// Where it cannot be removed.
    fn remove(&self) -> Result<(), StateError>;

    /// What providers inherit, so that the state stays held while one of them lives.
    fn inherited_lock(&self) -> Option<InheritedLock>;
}
