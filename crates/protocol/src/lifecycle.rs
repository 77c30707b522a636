//! What a provider answers to init, plan, status, destroy, check and discover.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::StreamSchema;

/// The one line that ends a lifecycle operation, in both versions.
///
/// Version 1 sends `status`, `resources`, `metadata`, `message` and `error`; its resources may have
/// any shape, so they are kept as they came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LifecycleReport {
    /// `ok`, or `error` with the reason in `error`; version-1 providers use words of their own.
    #[serde(default)]
    pub status: String,
    /// What is there, would be made, or was removed. A [`Resource`] each, from version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Value>,
    /// The streams that `discover` found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamSchema>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl LifecycleReport {
    /// A report of success.
    pub fn ok() -> Self {
        Self { status: "ok".into(), ..Self::default() }
    }

    /// Adds one resource.
    pub fn with(mut self, resource: Resource) -> Self {
        self.resources.push(serde_json::to_value(resource).unwrap_or_default());
        self
    }

    /// Whether the provider says that it went wrong.
    pub fn is_error(&self) -> bool {
        self.error.as_deref().is_some_and(|e| !e.is_empty())
            || matches!(self.status.as_str(), "error" | "failed" | "failure")
    }
}

/// One thing in the provider's system: a table, a queue, a replication slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is: `table`, `file`, `queue`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name in that system.
    pub name: String,
    /// `create`, `update`, `delete`, `none` or `refused` in a plan; `created`, `deleted`, `exists`, `absent`
    /// and the like otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The statement that would run or did run, the size, the lag: for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// In the answer to `status`: `destroy` leaves it where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

impl Resource {
    /// A resource and what happens to it.
    pub fn new(
        kind: impl Into<String>,
        name: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            action: action.into(),
            detail: None,
            kept: false,
        }
    }

    /// `destroy` leaves it where it is.
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// Adds the detail.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
