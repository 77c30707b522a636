//! The first line that a provider reads: what it is to do, with which config, from where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::{Json, PartitionStates, SourceStates};
use crate::ready::CommitMark;
use crate::schema::StreamSchema;

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Move data until the source ends or the host says stop.
    Run,
    /// Create what the provider needs in its system.
    Init,
    /// Say what `init` would do.
    Plan,
    /// Say what is there.
    Status,
    /// Remove what `init` made.
    Destroy,
    /// Can the system be reached, with these credentials?
    Check,
    /// Which streams are there, and what are their schemas?
    Discover,
}

impl Operation {
    /// The word on the wire, which is also the word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Status => "status",
            Self::Destroy => "destroy",
            Self::Check => "check",
            Self::Discover => "discover",
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in a task a provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads a source, writes envelopes to stdout.
    Input,
    /// Reads envelopes from stdin, writes envelopes to stdout.
    Transform,
    /// Reads envelopes from stdin, writes a destination.
    Output,
}

impl Role {
    /// The word on the wire, which is also the name of the block in a task file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Transform => "transform",
            Self::Output => "output",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The command line of version 1: the operation and the config, nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandV1 {
    /// What to do; version 1 knows run, init, plan, status and destroy.
    pub command: Operation,
    /// The `config` block, as JSON.
    pub config: Value,
}

/// The command line of version 2.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Command {
    /// The version that the host speaks: 2.
    pub protocol: u32,
    /// What to do.
    pub command: Operation,
    /// The block that the provider stands in.
    pub role: Role,
    /// The task's name.
    pub task: String,
    /// The task's identity: a UUID that the host keeps, so that two projects with a task of the same
    /// name never share a row in one destination.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_id: String,
    /// The block's label, or its role where it has none.
    pub name: String,
    /// The `config` block, as JSON.
    pub config: Value,
    /// For an input: where to resume, by partition. Empty: from the beginning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checkpoint: PartitionStates,
    /// For an output: what it gave as `state` with the last `@committed` that the host saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Json>,
    /// For a transactional output: the last of its commits that the host has saved, dead letters
    /// included. What the destination stores of rejections up to there can be forgotten; the rest is
    /// sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<CommitMark>,
    /// For a transactional output: inputs whose checkpoint a person has set or forgotten. What the
    /// destination holds of such an input is replaced by this, in the transaction that claims the
    /// epoch, before `ready`.
    #[serde(default, skip_serializing_if = "SourceStates::is_empty")]
    pub adopt: SourceStates,
    /// For an output: the names of the task's inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// For the `plan` and `init` of an output: the streams that the task's inputs have, as far as the
    /// host could find out, so that what they need can be shown and made before the first row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamSchema>,
    /// For an output: how long a checkpoint may stay uncommitted, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_within_ms: Option<u64>,
    /// Whether `@rejected` envelopes are kept. Where they are not, a rejection is an error.
    #[serde(default)]
    pub dead_letter: bool,
    /// The longest line that the host takes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_line_bytes: Option<usize>,
}
