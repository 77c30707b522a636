//! Everything but `run`: init, plan, status, destroy, check, discover of one provider.

use std::path::Path;
use std::time::Duration;

use dstream_protocol::{LifecycleReport, Operation};
use dstream_task::Secrets;

use crate::event::EventSink;
use crate::failure::Failure;
use crate::route::Member;

/// What a lifecycle call needs.
pub struct LifecycleRequest<'a> {
    /// The task's name.
    pub task: &'a str,
    /// The task's identity, where it has one already.
    pub task_id: &'a str,
    /// The names of the task's inputs.
    pub inputs: Vec<String>,
    /// The provider.
    pub member: &'a Member,
    /// What it is to do; not `run`.
    pub operation: Operation,
    /// The values of the secrets that its config refers to.
    pub secrets: &'a Secrets,
    /// The folder that it starts in.
    pub folder: &'a Path,
    /// The environment that it is given a part of.
    pub environment: &'a [(String, String)],
    /// How long it may take.
    pub timeout: Duration,
    /// Hears its log lines.
    pub events: &'a dyn EventSink,
}

/// What a provider answered.
#[derive(Debug, Clone)]
pub struct LifecycleAnswer {
    /// The report; for a version-1 provider, its last JSON line that is one.
    pub report: LifecycleReport,
    /// Everything else that it wrote to stdout.
    pub output: Vec<String>,
}

/// Calls one provider for one operation.
///
/// # Errors
/// Where it cannot be started, does not end in time, ends without success, or reports an error.
pub async fn call(request: LifecycleRequest<'_>) -> Result<LifecycleAnswer, Failure> {
    let _ = request;
    unimplemented!()
}
