//! What went wrong, as a user sees it: which provider, what, where in its config, its last words.

use dstream_protocol::{ErrorKind, ProviderError, Role};
use serde::{Deserialize, Serialize};

use crate::route::title;

/// The kind of a failure, which decides whether the task starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The provider named a reason.
    Provider(ErrorKind),
    /// It could not be started at all.
    Spawn,
    /// It did not become ready.
    Startup,
    /// It ended without a reason after it was ready.
    Crash,
    /// It broke the protocol.
    Protocol,
    /// Lines do not add up.
    Accounting,
    /// An envelope was rejected, and nothing keeps dead letters; or too many were.
    Rejected,
    /// The state on disk cannot be read or written.
    State,
    /// State and destination, or state and source, do not belong together.
    Mismatch,
    /// The task's `require` is not kept by its route.
    Guarantee,
    /// It did not end in time after the stop.
    StopTimeout,
}

/// Why a task failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Decides whether it is tried again.
    pub kind: FailureKind,
    /// The provider's block and role, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<(Role, String)>,
    /// What failed.
    pub message: String,
    /// The config key that it is about, such as `tables[1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The last lines of the provider's stderr, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

impl Failure {
    /// A failure that is about no provider.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            provider: None,
            message: message.into(),
            path: None,
            stderr: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Names the provider.
    #[must_use]
    pub fn of(mut self, role: Role, name: &str) -> Self {
        self.provider = Some((role, name.to_owned()));
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Takes over what a provider said of itself.
    pub fn reported(error: ProviderError) -> Self {
        let mut failure = Self::new(FailureKind::Provider(error.kind), error.message);
        failure.path = error.path;
        failure
    }

    /// Whether starting again can help.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            FailureKind::Provider(kind) => kind.is_transient(),
            FailureKind::Crash => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((role, name)) = &self.provider {
            write!(f, "{}: ", title(*role, name))?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
