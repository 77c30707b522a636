//! What a provider says of itself when it is called as `PROVIDER describe`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Role;

/// The one JSON document that `describe` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The provider's name: `in-file`, `out-sqlite`.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// The protocol versions that it speaks.
    pub protocol: Vec<u32>,
    /// The blocks that it can stand in.
    pub roles: Vec<Role>,
    /// What it can do beside `run`.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The JSON Schema of its config block.
    #[serde(default)]
    pub config: Value,
    /// What the host computes a route's guarantee from.
    #[serde(default)]
    pub delivery: Delivery,
}

/// What a provider can do beside `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// `check`.
    Check,
    /// `discover`.
    Discover,
    /// init, plan, status and destroy.
    Infrastructure,
}

/// What a provider promises of delivery. Everything is false where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// An input: it can read again everything after a checkpoint.
    pub replayable: bool,
    /// An input: its source forgets what was acknowledged (a slot, a queue).
    pub prunes_on_ack: bool,
    /// An output: data and checkpoint are committed in one transaction of the destination.
    pub transactional: bool,
    /// An output: writing an envelope again changes nothing (upsert by key).
    pub idempotent: bool,
    /// An output: it can cut off what follows a checkpoint (a file), so that replays leave no copy.
    pub append_only: bool,
    /// A transform: one envelope may become several, or several one, so `out` does not follow from
    /// `in`, `filtered` and `rejected`.
    pub reshapes: bool,
}

impl Delivery {
    /// Nothing is promised; `Delivery { replayable: true, ..Delivery::NONE }` promises one thing.
    pub const NONE: Self = Self {
        replayable: false,
        prunes_on_ack: false,
        transactional: false,
        idempotent: false,
        append_only: false,
        reshapes: false,
    };
}
