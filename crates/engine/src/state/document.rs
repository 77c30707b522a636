//! The state document of one task.

use std::collections::BTreeMap;

use dstream_protocol::{CommitMark, Json, PartitionStates};
use serde::{Deserialize, Serialize};

use crate::dead_letter::Coverage;

/// The version of the document. A host refuses a later one.
pub const STATE_VERSION: u32 = 1;

/// Everything that is kept of one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskState {
    /// [`STATE_VERSION`].
    pub version: u32,
    /// The task's name.
    pub task: String,
    /// The task's identity in its destinations: a UUID.
    pub task_id: String,
    /// Grows with every save.
    pub serial: u64,
    /// When it was saved, RFC 3339 in UTC. For people only.
    #[serde(default)]
    pub saved_at: String,
    /// By the input's name.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputState>,
    /// By the output's name.
    #[serde(default)]
    pub outputs: BTreeMap<String, OutputState>,
    /// Which dead letters of the last attempt the checkpoints cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<Coverage>,
    /// Counts over all runs.
    #[serde(default)]
    pub totals: Sums,
}

impl TaskState {
    /// The state of a task that never ran.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            version: STATE_VERSION,
            task: task.into(),
            task_id: uuid::Uuid::new_v4().to_string(),
            serial: 0,
            saved_at: String::new(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            dead_letters: None,
            totals: Sums::default(),
        }
    }
}

/// Where an input stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InputState {
    /// The provider, as the task file names it.
    #[serde(default)]
    pub provider: String,
    /// What names the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The last checkpoint that every critical output has committed.
    #[serde(default)]
    pub checkpoint: PartitionStates,
    /// A person has set or forgotten the checkpoint: it also replaces the copy that a destination
    /// keeps, at the next start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// What an output gave.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OutputState {
    /// The provider, as the task file names it.
    #[serde(default)]
    pub provider: String,
    /// What names the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What it wants back in its next command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Json>,
    /// A transactional output: the last commit that the host knows of. The destination may be ahead
    /// of it, never behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<CommitMark>,
}

/// Counts over all runs of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// Envelopes made durable.
    pub written: u64,
    /// Dead letters.
    pub rejected: u64,
}
