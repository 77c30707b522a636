//! The setting `until`.

use schemars::JsonSchema;
use serde::Deserialize;

/// When a run ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// When it is stopped.
    #[default]
    Stopped,
    /// With what was committed when the run began.
    CaughtUp,
}
