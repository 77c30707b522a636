//! What a test shows when a provider does not do what it must.

use std::fmt;

/// What the suite returns.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// A sentence for the author, and what the provider wrote to stderr.
#[derive(Clone, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// A failing test prints this.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failure {
    /// A failure.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Fails where the condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::Failure(format!($($text)+)));
        }
    };
}

pub(crate) use ensure;
