//! The task and its blocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::settings::{DeadLetter, Guarantee, Limits, Lock, Retry, Schedule};

/// One task: inputs, transforms in order, outputs, and how they are run.
///
/// The lines of all inputs pass through every transform, in the order written, to all outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Unique in its file.
    pub name: String,
    /// At least one to run; with several, each name is different.
    pub inputs: Vec<Block>,
    /// May be empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<Block>,
    /// At least one.
    pub outputs: Vec<Block>,
    /// What to do when a provider fails; absent: the default of [`Retry`], and no retry at all on a
    /// route with a version-1 provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Absent: a rejected envelope fails the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// Refuse to start on a route that cannot keep this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Guarantee>,
    /// Time and size limits.
    #[serde(default)]
    pub limits: Limits,
    /// How to behave when the state is held by another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// When a server starts it; `dstream run` starts it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// An `input`, `transform` or `output` block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The label; `input`, `transform` or `output` where there is none.
    pub name: String,
    /// Where the program comes from.
    pub source: Source,
    /// The `config` block. Secrets in it are [references](crate::secret).
    #[serde(default)]
    pub config: Value,
    /// The protocol version that the block says its provider speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// An output that is not critical neither blocks nor rewinds the others. Default: true.
    #[serde(default = "yes")]
    pub critical: bool,
    /// Names of variables of the host's environment that the provider gets too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Variables that are set for the provider. Values may be secret references.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// What the provider may reach. Absent: whatever its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
}

fn yes() -> bool {
    true
}

/// Where a provider's program comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `provider = "file"`: `dstream-in-file` and so on, found on the search path.
    Name(String),
    /// `provider_path = "./read.sh"`: a program on this machine; relative to the task file.
    Path(String),
    /// `provider_ref = "ghcr.io/acme/dstream-in-foo:v1"`: from an OCI registry.
    Ref(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(text) | Self::Path(text) | Self::Ref(text) => f.write_str(text),
        }
    }
}
