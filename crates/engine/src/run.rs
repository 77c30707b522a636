//! Runs a task: attempts, waits, gives up.

use std::path::PathBuf;
use std::sync::Arc;

use dstream_task::{Secrets, Task};

use crate::cancel::Cancel;
use crate::dead_letter::DeadLetters;
use crate::event::{EventSink, Totals};
use crate::failure::Failure;
use crate::route::Route;
use crate::state::StateStore;

/// Everything that a run needs. Nothing else is read or asked.
pub struct RunRequest {
    /// What to run.
    pub task: Task,
    /// The program of every block.
    pub route: Route,
    /// The values of the secrets that the task refers to.
    pub secrets: Secrets,
    /// The folder that providers start in.
    pub folder: PathBuf,
    /// The environment that providers are given a part of.
    pub environment: Vec<(String, String)>,
    /// Keeps the checkpoint.
    pub state: Arc<dyn StateStore>,
    /// Keeps rejected envelopes, where the task says so.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Hears what happens.
    pub events: Arc<dyn EventSink>,
    /// Stops it.
    pub cancel: Cancel,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Every input ended, and everything is durable and saved.
    Completed,
    /// It was asked to stop; everything that was begun is durable and saved.
    Stopped,
    /// It was told to stop at once, or could not stop in time; the last checkpoint holds.
    Killed,
    /// Another run holds the task's state.
    Held(Failure),
    /// It failed, after as many attempts as the task allows.
    Failed(Failure),
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// What it moved.
    pub totals: Totals,
}

/// Runs a task until its inputs end, it is stopped, or it fails for good.
///
/// Dropping the future kills the providers; what was saved stays. Needs a tokio runtime with time
/// and I/O enabled.
pub async fn run(request: RunRequest) -> RunReport {
    let _ = request;
    unimplemented!()
}
