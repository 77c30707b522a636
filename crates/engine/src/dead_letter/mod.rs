//! Rejected envelopes, kept until somebody replays or drops them.
//!
//! Letters are never merged by what they hold: two equal rows that are rejected are two letters. What
//! makes a replay of the source not double them is the checkpoint: each letter says which attempt
//! took it in and its number there, the saved state says how many of them it covers, and the rest is
//! cut off before the source brings it again (`coverage`).

mod coverage;
mod local;

use std::collections::BTreeMap;
use std::io;

use dstream_protocol::{CommitMark, Json, ProviderError, Rejected, Role};
use serde::{Deserialize, Serialize};

pub(crate) use coverage::{Keeper, covered};
pub use local::LocalDeadLetters;

/// How many letters of each provider, by [`key`].
pub type Counts = BTreeMap<String, u64>;

/// One rejected envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its own: no other letter of the provider has it.
    pub id: String,
    /// When it was first kept, RFC 3339 in UTC.
    pub at: String,
    /// The block that rejected it.
    pub provider: String,
    /// Where that block stands.
    pub role: Role,
    /// The attempt that took it in. Absent in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its number among the letters of that block in that attempt, from 1. 0: the destination kept
    /// it, and sent it again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n: u64,
    /// Why.
    pub error: ProviderError,
    /// The envelope as that block received it (or read it, for an input).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Json>,
    /// Base64 of it, where it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Who takes a letter in, and as which one.
#[derive(Debug, Clone)]
pub(crate) struct Taken<'a> {
    pub(crate) role: Role,
    pub(crate) provider: &'a str,
    pub(crate) run: &'a str,
    pub(crate) n: u64,
    /// The provider may send it again, under the id that it gave.
    pub(crate) own_id: bool,
}

impl DeadLetter {
    /// Takes a rejection in. Its id is new, except where the provider sends it again by it.
    pub(crate) fn new(taken: &Taken<'_>, rejected: Rejected) -> Self {
        Self {
            id: rejected.id.filter(|_| taken.own_id).unwrap_or_else(new_id),
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            provider: taken.provider.to_owned(),
            role: taken.role,
            run: Some(taken.run.to_owned()),
            n: taken.n,
            error: rejected.error,
            envelope: rejected.envelope,
            raw: rejected.raw,
        }
    }

    /// The block that rejected it, as [`Counts`] name it.
    pub fn key(&self) -> String {
        key(self.role, &self.provider)
    }
}

/// A block in [`Counts`]: an input and an output may have the same name.
pub fn key(role: Role, provider: &str) -> String {
    format!("{role}.{provider}")
}

/// Short enough to be typed; 60 random bits.
fn new_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(16);
    id
}

/// A note among the letters: so many of them stand before a checkpoint. Kept where the destination
/// keeps the checkpoint, which may then be ahead of what the saved state says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Closed {
    /// The attempt.
    pub run: String,
    /// The block, by [`key`].
    pub provider: String,
    /// The task's checkpoint.
    pub checkpoint: u64,
    /// How many of its letters that covers.
    pub letters: u64,
}

/// Which letters of an attempt the last checkpoint covers: what the saved state says of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The attempt that saved.
    pub run: String,
    /// The epoch that it claimed, where the destination keeps the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The rest is brought again.
    #[serde(default)]
    pub covered: Counts,
}

/// The tag of a new attempt.
pub(crate) fn new_run() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whether a rejection is one that the destination kept in an earlier run.
pub(crate) fn is_resent(epoch: Option<u64>, commit: Option<CommitMark>) -> bool {
    matches!((epoch, commit), (Some(own), Some(mark)) if mark.epoch != own)
}

/// Keeps dead letters. Calls may block on a disk.
pub trait DeadLetters: Send + Sync {
    /// Takes one in. It is durable after the next [`sync`](Self::sync). A letter of the same block
    /// with the same id is the same letter, sent again: it is kept once.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn append(&self, letter: &DeadLetter) -> io::Result<()>;

    /// Takes a note in, durable like a letter.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn close(&self, closed: &Closed) -> io::Result<()>;

    /// Makes everything that was taken in durable.
    ///
    /// # Errors
    /// Where the disk says no.
    fn sync(&self) -> io::Result<()>;

    /// How many letters of each block of an attempt stand before a checkpoint, by its notes.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn closed(&self, run: &str, checkpoint: u64) -> io::Result<Counts>;

    /// Removes the letters of an attempt beyond those that are covered (a block that is not named
    /// has none), because they are brought again. Durable when this returns; its notes stay.
    ///
    /// # Errors
    /// Where they cannot be read or replaced; nothing is removed then.
    fn cut(&self, run: &str, covered: &Counts) -> io::Result<usize>;
}
