//! The trait of an output: a provider that writes a destination.

use std::time::Duration;

use dstream_protocol::{
    Claim, CommitMark, Delivery, Json, Rejected, SourceStates, StreamSchema, limits,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Console, Envelopes, Error, Granted, Result};

mod control;
mod deliver;
mod pending;
mod run;

pub(crate) use control::read as read_control;
pub(crate) use run::run;

/// Writes a destination. One value lives for one run; its methods are called one after another,
/// never two at once, on one thread. Dropping it without [`end`](Self::end) is an abort: whatever
/// was not committed must not appear.
#[allow(async_fn_in_trait)]
pub trait OutputProvider: Sized {
    /// The `config` block.
    type Config: DeserializeOwned + JsonSchema;

    /// What the host may rely on: `transactional`, `idempotent`, `append_only`.
    const DELIVERY: Delivery;

    /// Commit at the latest when this much is written and not committed.
    const MAX_UNCOMMITTED_BYTES: u64 = 64 << 20;

    /// Commit at the latest when this many envelopes are written and not committed.
    const MAX_UNCOMMITTED_ENVELOPES: u64 = 500_000;

    /// Connects. The provider is `ready` when this returns. A transactional output claims its row
    /// here, see [`claimed`](Self::claimed).
    ///
    /// # Errors
    /// Kind `config` with a path for what can be seen in the config; the host shows its place.
    async fn open(config: Self::Config, start: OutputStart) -> Result<Self>;

    /// Names the destination, so that a checkpoint of another one is refused. No secrets.
    fn fingerprint(&self) -> Option<String> {
        None
    }

    /// Where the config makes the delivery other than [`DELIVERY`](Self::DELIVERY), this is the
    /// truth of this run.
    fn delivery(&self) -> Option<Delivery> {
        None
    }

    /// A transactional output: what it claimed in [`open`](Self::open), sent with `ready`. The host
    /// resumes the inputs from what stands here, not from its own copy.
    fn claimed(&self) -> Option<Claimed> {
        None
    }

    /// A transactional output: the dead letters that it stored and that the host has not yet
    /// [confirmed](Self::confirmed). Asked once after `ready`, and sent again.
    ///
    /// # Errors
    /// Ends the run.
    async fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }

    /// The columns of a stream: before its first envelope, and when they change.
    ///
    /// # Errors
    /// Ends the run.
    async fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        let _ = schema;
        Ok(())
    }

    /// Writes a run of consecutive envelopes, in order; at least one, at most about a megabyte of
    /// lines (or one long line). They need not be durable before [`commit`](Self::commit).
    /// What can never be written is [rejected](Envelopes::reject).
    ///
    /// Cancelled (the future is dropped) on SIGTERM, and the value with it.
    ///
    /// # Errors
    /// Ends the run without a commit; the kind decides whether the host tries again.
    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()>;

    /// Makes everything written so far durable, as one. Called for empty checkpoints as well.
    /// Returns what the next run wants to find in [`OutputStart::state`]; `None` keeps nothing.
    ///
    /// A transactional output stores `commit.states`, `commit.id` and `commit.rejected` in the same
    /// transaction, after it has checked that its epoch is still its own.
    ///
    /// # Errors
    /// Ends the run; kind `fenced` where another run has taken over.
    async fn commit(&mut self, commit: &Commit) -> Result<Option<Json>>;

    /// The host has saved everything up to this commit: dead letters stored with it or before may
    /// be deleted.
    ///
    /// # Errors
    /// Ends the run.
    async fn confirmed(&mut self, id: u64) -> Result<()> {
        let _ = id;
        Ok(())
    }

    /// A transactional output: an input claims a partition under its lease's epoch. Raises the
    /// partition's stored epoch and answers its stored state. With a `group` both are kept under
    /// it, in place of the task's identity, and the answer is `shared`.
    ///
    /// # Errors
    /// Kind `fenced` where the stored epoch is higher.
    async fn claim(&mut self, claim: &Claim) -> Result<Granted<Json>> {
        Err(Error::permanent(format!(
            "the partition `{}` cannot be claimed: this output stores no partitions",
            claim.part
        )))
    }

    /// The stream has ended cleanly and everything is committed: complete files, close.
    ///
    /// # Errors
    /// Fails the run.
    async fn end(self) -> Result<()> {
        Ok(())
    }
}

/// How an output starts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutputStart {
    /// The task's name.
    pub task: String,
    /// The task's identity, part of the key of what a transactional output stores; empty from a
    /// version-1 host.
    pub task_id: String,
    /// The block's label.
    pub name: String,
    /// The names of the task's inputs.
    pub inputs: Vec<String>,
    /// What the last [`OutputProvider::commit`] that the host saved returned.
    pub state: Option<Json>,
    /// For a transactional output: the last of its commits that the host has saved, dead letters
    /// included. [`OutputProvider::unconfirmed`] need not give those up to there.
    pub confirmed: Option<CommitMark>,
    /// For a transactional output: checkpoints that a person has set or forgotten. They replace
    /// what the destination holds of these inputs, in the transaction that claims the epoch.
    pub adopt: SourceStates,
    /// Whether rejected envelopes are kept. Where not, a rejection fails the run.
    pub dead_letter: bool,
    /// How long a checkpoint may stay uncommitted; the SDK sees to it.
    pub commit_within: Duration,
    /// The longest line that the host sends, in bytes.
    pub max_line_bytes: usize,
    /// Prints to the user.
    pub console: Console,
}

impl Default for OutputStart {
    fn default() -> Self {
        Self {
            task: String::new(),
            task_id: String::new(),
            name: "output".into(),
            inputs: Vec::new(),
            state: None,
            confirmed: None,
            adopt: SourceStates::new(),
            dead_letter: false,
            commit_within: limits::COMMIT_WITHIN,
            max_line_bytes: limits::MAX_LINE_BYTES,
            console: Console::default(),
        }
    }
}

/// What a transactional output has claimed in its destination.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The epoch that it has just raised; every commit checks that it is still this one.
    pub epoch: u64,
    /// The last commit that the destination holds.
    pub previous: Option<CommitMark>,
    /// The states that the destination holds, by input and partition.
    pub checkpoint: SourceStates,
}

/// One commit: everything written so far.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Commit {
    /// The checkpoint's id; grows within a run, begins at 1.
    pub id: u64,
    /// The states that moved since the commit before, by input and partition.
    pub states: SourceStates,
    /// Envelopes taken since the commit before, the rejected ones not counted.
    pub written: u64,
    /// What was rejected since the commit before, with ids by which the host knows one that is sent again.
    /// Only for an output with [`DELIVERY`](OutputProvider::DELIVERY)`.transactional`, which stores
    /// them; elsewhere they have gone to the host already and this is empty.
    pub rejected: Vec<Rejected>,
}
