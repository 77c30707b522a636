//! What a caller hears of a run. Events serialise, carry a version and the run's id.

use dstream_protocol::{Progress, ProviderError, Role};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The version of the event's shape: grows when a field changes its meaning.
pub const VERSION: u32 = 1;

/// Takes events. Called from the engine's tasks: it must return at once.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> EventSink for F {
    fn emit(&self, event: &Event) {
        self(event);
    }
}

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// [`VERSION`].
    pub v: u32,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The run: a UUID.
    pub run: String,
    /// The task's name.
    pub task: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. `provider` is always a block's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields of one event are one sentence together")]
pub enum EventKind {
    /// All processes of the task are about to start; `attempt` counts from 1.
    Starting { attempt: u32 },
    /// A process runs.
    ProviderStarted { provider: String, role: Role, pid: u32, protocol: u32 },
    /// It has said that it is ready.
    ProviderReady { provider: String, role: Role },
    /// All are ready; lines flow. `resumed`: from a checkpoint, not from the beginning.
    Running { resumed: bool },
    /// A line of a provider's stderr, secrets masked.
    Log { provider: String, role: Role, pid: u32, line: String },
    /// A line that an output prints for the user.
    Output { provider: String, line: String },
    /// What a provider says of its progress.
    Progress { provider: String, role: Role, progress: Progress },
    /// About once a second while running, and at the end.
    Stats { totals: Totals },
    /// A checkpoint is saved, and the input may be told. Counts are those of this run.
    Saved { totals: Totals },
    /// An envelope became a dead letter.
    Rejected { provider: String, id: String, error: ProviderError },
    /// Nothing is lost, but somebody should know.
    Warning { provider: Option<String>, message: String },
    /// A process has ended.
    ProviderExited { provider: String, role: Role, pid: u32, status: String },
    /// The stop was asked for: drain, or now.
    Stopping { now: bool },
    /// The attempt failed and the task starts again after the wait.
    Retrying { attempt: u32, wait_ms: u64, failure: Box<Failure> },
    /// The run is over.
    Finished { outcome: String, totals: Totals, failure: Option<Box<Failure>> },
}

/// Counts of one run, over all attempts. All but the ages grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Envelopes that inputs have sent.
    pub read: u64,
    /// Bytes of those lines.
    pub bytes: u64,
    /// Envelopes that every critical output has made durable. For a version-1 output: handed over.
    pub written: u64,
    /// Envelopes that transforms left out.
    pub filtered: u64,
    /// Dead letters.
    pub rejected: u64,
    /// Envelopes that an output that is not critical did not get.
    pub dropped: u64,
    /// Checkpoints saved.
    pub saved: u64,
    /// Envelopes sent to the outputs and not durable yet.
    pub uncommitted: u64,
    /// Age of the oldest checkpoint that is not saved yet, in milliseconds.
    pub checkpoint_age_ms: u64,
    /// Since the run began, in milliseconds.
    pub elapsed_ms: u64,
}
