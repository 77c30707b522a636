//! Asks a provider what it is. Only programs that are declared version 2 are asked.

use std::path::Path;

use dstream_protocol::Description;

/// Why there is no description.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DescribeError {
    /// It cannot be started.
    #[error("{0} cannot be started: {1}")]
    Spawn(String, String),
    /// It did not end in time.
    #[error("{0} did not answer `describe` within {1:?}")]
    Timeout(String, std::time::Duration),
    /// It ended without success: a version-1 provider does.
    #[error("{0} does not know `describe` ({1})")]
    Refused(String, String),
    /// It answered something else.
    #[error("{0} answered `describe` with what is no description: {1}")]
    Unreadable(String, String),
}

/// Runs `PROGRAM describe` in an empty folder, with stdin closed, within limits of time and size.
///
/// # Errors
/// Where it cannot be started, takes too long, fails, or answers something else.
pub async fn describe(
    program: &Path,
    environment: &[(String, String)],
) -> Result<Description, DescribeError> {
    let _ = (program, environment);
    unimplemented!()
}

/// The same, with the answer kept in `cache` until the program's file changes.
///
/// # Errors
/// As [`describe`]; a cache that cannot be written is no error.
pub async fn describe_cached(
    program: &Path,
    environment: &[(String, String)],
    cache: &Path,
) -> Result<Description, DescribeError> {
    let _ = cache;
    describe(program, environment).await
}
