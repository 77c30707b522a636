//! The wire types of the dstream provider protocol, and the rules that frame them.
//!
//! A provider is an executable; stdin and stdout carry one JSON object a line. This crate says what
//! those objects are, for both versions of the protocol, and nothing about how they travel: it does
//! no I/O. `docs/protocol.md` is the same in prose, with a transcript for every message.
//!
//! Reading order:
//! - [`frame`]: what kind of line is this? Decided on its first bytes.
//! - [`envelope`]: the data lines.
//! - [`control`]: the lines that begin with `{"@`.
//! - [`command`] and [`ready`]: how a provider starts.
//! - [`describe`]: what a provider says of itself.
//! - [`lifecycle`]: what init, plan, status, destroy, check and discover answer.
//! - [`schema`], [`error`], [`keys`], [`limits`], [`byte_size`]: the vocabulary that these share.

pub mod byte_size;
pub mod command;
pub mod control;
pub mod describe;
pub mod envelope;
pub mod error;
pub mod frame;
pub mod keys;
pub mod lifecycle;
pub mod limits;
pub mod ready;
pub mod schema;

pub use command::{Command, CommandV1, Operation, Role};
pub use control::{
    Account, Checkpoint, Claim, ClaimedPart, Committed, Control, Json, PartitionStates, Progress,
    Rejected, SourceStates,
};
pub use describe::{Capability, Delivery, Description};
pub use envelope::{Envelope, Metadata, Op};
pub use error::{ErrorKind, ProviderError};
pub use frame::{LineKind, classify};
pub use lifecycle::{LifecycleReport, Resource};
pub use ready::{CommitMark, Ready, Startup};
pub use schema::{Field, FieldType, StreamSchema};

/// The version of the protocol that this crate speaks beside version 1.
pub const VERSION: u32 = 2;
