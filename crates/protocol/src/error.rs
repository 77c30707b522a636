//! Why a provider stops.

use serde::{Deserialize, Deserializer, Serialize};

/// The kind of an error, which decides whether the host tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The config is wrong; never retried. `path` says where.
    Config,
    /// The system refused the credentials, or the permission is missing; never retried.
    Auth,
    /// It may go well next time: connection lost, time-out, lock; retried with backoff.
    Transient,
    /// It will not go well next time either; never retried.
    Permanent,
    /// Another run has taken over the destination; never retried.
    Fenced,
}

impl ErrorKind {
    /// Whether trying again can help.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Transient)
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Fenced => "fenced",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as it crosses the wire, in `@error`, `@rejected` and `{"status":"error"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// Decides whether the host tries again. One that is missing or unknown counts as permanent.
    #[serde(default = "permanent", deserialize_with = "lenient_kind")]
    pub kind: ErrorKind,
    /// What failed, where, and what to do; for people.
    #[serde(default)]
    pub message: String,
    /// The config key that it is about, such as `tables[1]` or `lock_config.type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl ProviderError {
    /// An error without a path.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), path: None }
    }
}

fn permanent() -> ErrorKind {
    ErrorKind::Permanent
}

fn lenient_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorKind, D::Error> {
    let word = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(word).unwrap_or(ErrorKind::Permanent))
}
