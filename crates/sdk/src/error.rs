//! The error that provider code returns, and how a foreign error becomes one.

use std::fmt::Display;

use dstream_protocol::{ErrorKind, ProviderError};

/// What provider code returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a provider cannot go on. The kind decides whether the host tries again.
///
/// ```
/// use dstream_sdk::{Context, Error, ErrorKind, Result};
///
/// fn read(path: &str) -> Result<String> {
///     std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
/// }
/// let error = read("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Permanent);
/// assert!(error.to_string().starts_with("cannot read /no/such/file: No such file"));
/// assert_eq!(Error::config("tables[1]", "no such table").path(), Some("tables[1]"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<ProviderError>);

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(ProviderError::new(kind, message)))
    }

    /// The setting at `path` (`tables[1]`, `lock.type`) is wrong. The host shows its place in the
    /// file. Never retried.
    pub fn config(path: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Config, message);
        error.0.path = Some(path.into());
        error
    }

    /// The system refused the credentials, or a permission is missing. Never retried.
    pub fn auth(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Auth, message)
    }

    /// It may go well next time: connection lost, time-out, lock. Retried with backoff.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// It will not go well next time either. Never retried.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// Another run has taken over the destination. Never retried.
    pub fn fenced(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fenced, message)
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The config key that it is about.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Says what was being done: `context: message`. Kind and path stay.
    pub fn context(mut self, context: impl Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        Self(Box::new(error))
    }
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        *error.0
    }
}

/// Lost connections and time-outs are transient, a refused permission is `auth`, all else permanent.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::PermissionDenied => ErrorKind::Auth,
            Io::ConnectionRefused
            | Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::NotConnected
            | Io::BrokenPipe
            | Io::TimedOut
            | Io::Interrupted
            | Io::WouldBlock
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NetworkDown
            | Io::ResourceBusy
            | Io::StorageFull
            | Io::UnexpectedEof => ErrorKind::Transient,
            _ => ErrorKind::Permanent,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::permanent(error.to_string())
    }
}

/// Adds to an error what was being done, and turns any error into an [`Error`].
pub trait Context<T>: Sized {
    /// The error, whatever it is.
    type Source: Display;

    /// `context: error`, with the kind that the error's own conversion gives it.
    fn context(self, context: impl Display) -> Result<T>
    where
        Self::Source: Into<Error>;

    /// The same; the text is only made when there is an error.
    fn with_context<D: Display>(self, context: impl FnOnce() -> D) -> Result<T>
    where
        Self::Source: Into<Error>;

    /// `context: error`, of this kind, from any error that can be shown.
    fn or_kind(self, kind: ErrorKind, context: impl Display) -> Result<T>;

    /// [`or_kind`](Self::or_kind) with [`ErrorKind::Transient`].
    fn or_transient(self, context: impl Display) -> Result<T> {
        self.or_kind(ErrorKind::Transient, context)
    }

    /// [`or_kind`](Self::or_kind) with [`ErrorKind::Permanent`].
    fn or_permanent(self, context: impl Display) -> Result<T> {
        self.or_kind(ErrorKind::Permanent, context)
    }
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    type Source = E;

    fn context(self, context: impl Display) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_err(|error| error.into().context(context))
    }

    fn with_context<D: Display>(self, context: impl FnOnce() -> D) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_err(|error| error.into().context(context()))
    }

    fn or_kind(self, kind: ErrorKind, context: impl Display) -> Result<T> {
        self.map_err(|error| Error::new(kind, format!("{context}: {error}")))
    }
}
