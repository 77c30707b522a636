//! How a task is run: retry, dead letters, limits, the state's lock, schedule.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `retry { … }`: what to do after a failure that trying again can help.
///
/// All providers of the task are started again from the last checkpoint. The wait doubles from
/// `initial_backoff` to `max_backoff`, with jitter; progress (a saved checkpoint) starts the count
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Starts in a row without progress before the task fails; 1 is no retry. Default: 5.
    pub max_attempts: u32,
    /// The first wait. Default: 1 s.
    #[serde(with = "duration_ms")]
    pub initial_backoff: Duration,
    /// The longest wait. Default: 60 s.
    #[serde(with = "duration_ms")]
    pub max_backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(60),
        }
    }
}

/// `dead_letter { … }`: keep rejected envelopes and go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadLetter {
    /// More than this many in one run stop the task: a dropped table must not turn everything into
    /// dead letters. Default: 1000.
    pub max_rejected: u64,
}

impl Default for DeadLetter {
    fn default() -> Self {
        Self { max_rejected: 1000 }
    }
}

/// What a route promises, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// A crash can lose or repeat envelopes: a version-1 provider takes part.
    BestEffort,
    /// A crash can repeat envelopes, never lose one.
    AtLeastOnce,
    /// A crash can repeat envelopes, and the output makes that harmless (upsert by key).
    EffectivelyOnce,
    /// Every envelope is in the destination exactly once.
    ExactlyOnce,
}

impl Guarantee {
    /// The word in task files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BestEffort => "best_effort",
            Self::AtLeastOnce => "at_least_once",
            Self::EffectivelyOnce => "effectively_once",
            Self::ExactlyOnce => "exactly_once",
        }
    }
}

impl std::fmt::Display for Guarantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Time and size limits of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From a provider's start to its `ready`. Default: 30 s.
    #[serde(with = "duration_ms")]
    pub start_timeout: Duration,
    /// From the request to stop to the kill. Default: 10 s.
    #[serde(with = "duration_ms")]
    pub stop_timeout: Duration,
    /// The longest line, in bytes. Default: 16 MiB.
    pub max_line_bytes: usize,
    /// How long an output may leave a checkpoint uncommitted. Default: 1 s.
    #[serde(with = "duration_ms")]
    pub commit_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            max_line_bytes: 16 << 20,
            commit_within: Duration::from_secs(1),
        }
    }
}

/// `lock { … }`: how to behave when another run holds the task's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lock {
    /// How long to wait for it. Default: not at all.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}

/// `schedule { … }`: when a server starts the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// An IANA time zone. Default: UTC.
    #[serde(default = "utc")]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".into()
}

/// A duration as whole milliseconds.
mod duration_ms {
    use super::*;

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}
