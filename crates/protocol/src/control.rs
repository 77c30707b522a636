//! The lines that begin with `{"@` and hold one key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ProviderError;
use crate::ready::CommitMark;
use crate::schema::StreamSchema;

/// JSON that is opaque to whoever carries it.
pub type Json = Box<RawValue>;

/// The checkpoint of one input: an opaque state for each partition (a table, a file, a shard).
/// An input that has only one partition uses the name `""`.
pub type PartitionStates = BTreeMap<String, Json>;

/// The checkpoints of all inputs of a task, by the input's name.
pub type SourceStates = BTreeMap<String, PartitionStates>;

/// The reserved names, without `@`. A line is a control line when it has one of them.
pub const NAMES: [&str; 10] = [
    "checkpoint",
    "claim",
    "claimed",
    "committed",
    "schema",
    "rejected",
    "progress",
    "error",
    "stop",
    "end",
];

/// One control line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Control {
    /// Input to transforms to outputs: everything before this line belongs to it.
    #[serde(rename = "@checkpoint")]
    Checkpoint(Checkpoint),
    /// Input to output or host: may I read this partition, under this lease's epoch?
    #[serde(rename = "@claim")]
    Claim(Claim),
    /// Output or host to input: yes, and this is where to resume.
    #[serde(rename = "@claimed")]
    Claimed(ClaimedPart),
    /// Output to host: durable. Host to input, and to a transactional output: saved.
    #[serde(rename = "@committed")]
    Committed(Committed),
    /// Input to output: the columns of a stream.
    #[serde(rename = "@schema")]
    Schema(StreamSchema),
    /// Any to host: this envelope can never be written.
    #[serde(rename = "@rejected")]
    Rejected(Rejected),
    /// Any to host: alive, and how far.
    #[serde(rename = "@progress")]
    Progress(Progress),
    /// Any to host: why it is about to stop.
    #[serde(rename = "@error")]
    Error(ProviderError),
    /// Host to input: finish what is begun, send a last checkpoint, end.
    #[serde(rename = "@stop")]
    Stop(Empty),
    /// Input to host, host to transforms and outputs: the stream ended, cleanly.
    #[serde(rename = "@end")]
    End(Empty),
}

impl Control {
    /// The line, with its newline.
    ///
    /// # Panics
    /// Never: no field of these types can fail to become JSON.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    /// Where the line is no JSON, its name is not reserved, or a field has another type.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// `{"@stop":{}}`.
    pub fn stop() -> Self {
        Self::Stop(Empty {})
    }

    /// `{"@end":{}}`.
    pub fn end() -> Self {
        Self::End(Empty {})
    }
}

/// `{}`; fields that a later version adds are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// `@checkpoint`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Grows with every checkpoint of a run; begins at 1. Committing N commits everything before.
    pub id: u64,
    /// Only the partitions that moved.
    #[serde(default)]
    pub state: PartitionStates,
    /// The input that it comes from, added by the host where a task has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What a transform did with the lines since the checkpoint before; not there on other hops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// A transform's account of one interval, in lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Envelopes taken in.
    #[serde(rename = "in")]
    pub taken: u64,
    /// Envelopes handed on.
    pub out: u64,
    /// Envelopes left out on purpose.
    #[serde(default)]
    pub filtered: u64,
    /// Envelopes sent back as `@rejected`.
    #[serde(default)]
    pub rejected: u64,
}

/// `@committed`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Committed {
    /// Everything up to this checkpoint.
    pub id: u64,
    /// An output: envelopes consumed since its last `@committed` (not rows affected).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub written: u64,
    /// An output: envelopes rejected since its last `@committed`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected: u64,
    /// An output: what it wants back in its next command (file offsets, multipart ids); the host
    /// saves it together with the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Json>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// `@claim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The partition.
    pub part: String,
    /// The lease's epoch: it counts takeovers.
    pub epoch: u64,
    /// Names the instances that share the partitions. What is stored of the partition is theirs
    /// together; absent: the task's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The input that asks, added by the host where a task has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `@claimed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimedPart {
    /// The partition.
    pub part: String,
    /// Where to resume; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Json>,
    /// The claim's epoch: an answer to an earlier claim is none to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Whether the state is that of all instances of the claim's group, and a commit under an
    /// earlier epoch is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// The input that asked, as in the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `@rejected`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rejected {
    /// Of a transactional output, which may send a rejection again: by this the host knows it. For
    /// all others the host makes one up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The commit of a transactional output that the rejection was stored with. One of an earlier
    /// epoch is sent again, and belongs to no interval of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitMark>,
    /// Why it can never be written.
    pub error: ProviderError,
    /// The envelope, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Json>,
    /// Base64 of the line, where it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// `@progress`: everything is optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Where in the source or destination, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<serde_json::Value>,
    /// How far behind the source, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// What it waits for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<String>,
    /// Units done, of `total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Units in all, where that is known: bytes of a file, rows of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}
