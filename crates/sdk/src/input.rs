//! The trait of an input: a provider that reads a source.

use std::collections::BTreeMap;
use std::time::Duration;

use dstream_protocol::Delivery;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Batch, Cadence, Result};

mod inbox;
mod run;
mod sent;

pub(crate) use run::run;

/// Reads a source. One value lives for one run; its methods are called one after another, never
/// two at once, on one thread.
#[allow(async_fn_in_trait)]
pub trait InputProvider: Sized {
    /// The `config` block.
    type Config: DeserializeOwned + JsonSchema;

    /// Where to resume, for one partition (a table, a file, a shard). Opaque to all others.
    type Checkpoint: Serialize + DeserializeOwned;

    /// What the host may rely on. Most sources can be read again from a checkpoint.
    ///
    /// An input that is not replayable need not offer checkpoints: the end of every batch is one,
    /// with an empty state.
    const DELIVERY: Delivery = Delivery { replayable: true, ..Delivery::NONE };

    /// How often a checkpoint that was offered is sent.
    const CADENCE: Cadence = Cadence::DEFAULT;

    /// Connects, and goes to where `start` says. The provider is `ready` when this returns.
    ///
    /// # Errors
    /// Kind `config` with a path for what can be seen in the config; the host shows its place.
    async fn open(config: Self::Config, start: InputStart<Self::Checkpoint>) -> Result<Self>;

    /// Names the source, so that a checkpoint of another one is refused: `host/database`, a path.
    /// No secrets.
    fn fingerprint(&self) -> Option<String> {
        None
    }

    /// Where the config makes the delivery other than [`DELIVERY`](Self::DELIVERY), this is the
    /// truth of this run.
    fn delivery(&self) -> Option<Delivery> {
        None
    }

    /// Fills the batch and returns: when it [is full](Batch::is_full), or when there is nothing
    /// more to read right now. Returns within about a second; to idle, return [`Next::Wait`].
    ///
    /// Cancelled (the future is dropped) when the host said stop and it has not returned within a
    /// moment; what is in the batch up to the last checkpoint is still sent.
    ///
    /// # Errors
    /// Ends the run; the kind decides whether the host starts again from the last checkpoint.
    async fn read(&mut self, batch: &mut Batch<Self::Checkpoint>) -> Result<Next>;

    /// The host has saved these checkpoints: the source may forget what they cover. Called between
    /// reads; several are gathered into one call, the newest of each partition counts.
    ///
    /// # Errors
    /// Ends the run.
    async fn committed(&mut self, states: &BTreeMap<String, Self::Checkpoint>) -> Result<()> {
        let _ = states;
        Ok(())
    }

    /// The answer to [`Batch::claim`]: the partition is ours; resume there. Called between reads.
    ///
    /// # Errors
    /// Ends the run.
    async fn claimed(&mut self, partition: &str, granted: Granted<Self::Checkpoint>) -> Result<()> {
        let _ = (partition, granted);
        Ok(())
    }

    /// The run has ended with an error, or the host is gone: nothing is read or sent any more. For
    /// what others wait for. Given up after two seconds.
    async fn abandon(&mut self) {}

    /// Closes what is open. Called after a clean end or a stop, once everything is committed or
    /// the host has closed stdin; not after an error.
    ///
    /// # Errors
    /// Fails the run.
    async fn close(self) -> Result<()> {
        Ok(())
    }
}

/// A partition that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted<C> {
    /// Where to resume; `None`: from the beginning.
    pub state: Option<C>,
    /// The epoch of the claim, where the answer says it: one to an earlier claim is void.
    pub epoch: Option<u64>,
    /// Whether the state is that of all instances of the claim's group: the destination keeps it,
    /// and refuses what an earlier owner still has on its way. Where not, it is what this
    /// instance's host knows.
    pub shared: bool,
}

impl<C> Granted<C> {
    /// What a transactional output stores: of all instances of the claim's group, or of its task alone.
    pub fn stored(state: Option<C>, shared: bool) -> Self {
        Self { state, epoch: None, shared }
    }
}

/// What [`InputProvider::read`] wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is more: read again.
    More,
    /// Nothing new: read again after this time. The wait ends early when the host says stop.
    Wait(Duration),
    /// The source has ended. Offer the last checkpoint before returning this.
    End,
}

/// How an input starts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InputStart<C> {
    /// The task's name.
    pub task: String,
    /// The task's identity; empty from a version-1 host.
    pub task_id: String,
    /// The block's label.
    pub name: String,
    /// Where to resume, by partition. Empty: from the beginning.
    pub checkpoint: BTreeMap<String, C>,
    /// Whether [`Batch::reject`] keeps what it is given. Where not, a rejection fails the task.
    pub dead_letter: bool,
    /// The longest line that the host takes, in bytes.
    pub max_line_bytes: usize,
}

impl<C> InputStart<C> {
    /// The checkpoint of an input that has only one partition.
    pub fn get(&self) -> Option<&C> {
        self.checkpoint.get("")
    }

    /// The same, moved out.
    pub fn take(&mut self) -> Option<C> {
        self.checkpoint.remove("")
    }
}

impl<C> Default for InputStart<C> {
    fn default() -> Self {
        Self {
            task: String::new(),
            task_id: String::new(),
            name: "input".into(),
            checkpoint: BTreeMap::new(),
            dead_letter: false,
            max_line_bytes: dstream_protocol::limits::MAX_LINE_BYTES,
        }
    }
}
