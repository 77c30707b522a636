//! Runs a task: attempts, waits, gives up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use dstream_task::{Retry, Secrets, Task};

use crate::attempt::{Attempt, End};
use crate::cancel::{Cancel, Stop};
use crate::confined;
use crate::dead_letter::DeadLetters;
use crate::event::{EventKind, EventSink, Totals};
use crate::failure::{Failure, FailureKind};
use crate::guarantee;
use crate::mask::Mask;
use crate::process::Spawner;
use crate::report::{Counters, Reporter};
use crate::route::{Protocol, Route};
use crate::saver;
use crate::state::{StateError, StateHandle, StateStore, Sums, TaskState};

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

impl Outcome {
    /// The word in events: completed, stopped, killed, held or failed.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Held(_) => "held",
            Self::Failed(_) => "failed",
        }
    }

    /// Why, where it did not end well.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Held(failure) | Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
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
    let counters = Arc::new(Counters::new());
    let report = Reporter {
        run: uuid::Uuid::new_v4().to_string(),
        task: request.task.name.clone(),
        sink: request.events.clone(),
    };
    let outcome = match prepare(&request).await {
        Ok((handle, state, spawner)) => {
            let runner = Runner {
                before: state.totals,
                mask: Mask::new(&request.secrets),
                request,
                report: report.clone(),
                counters: counters.clone(),
                handle,
                spawner,
            };
            runner.attempts(state).await
        }
        Err(outcome) => outcome,
    };
    let totals = counters.totals();
    let failure = outcome.failure().cloned().map(Box::new);
    report.emit(EventKind::Finished { outcome: outcome.as_str().into(), totals, failure });
    RunReport { outcome, totals }
}

type Prepared = (Arc<dyn StateHandle>, TaskState, Spawner);

/// Takes the task's state, and gives the task its identity before any provider hears of it.
async fn prepare(request: &RunRequest) -> Result<Prepared, Outcome> {
    check_guarantee(&request.task, &request.route).map_err(Outcome::Failed)?;
    if !request.route.outputs.iter().any(|output| output.block.critical) {
        let message = "no output is critical, so nothing would say when an envelope is safe";
        let failure = Failure::new(FailureKind::Guarantee, message);
        return Err(Outcome::Failed(failure.help("take `critical = false` out of one output")));
    }
    let failed = |message: String| Outcome::Failed(Failure::new(FailureKind::State, message));
    let store = request.state.clone();
    let name = request.task.name.clone();
    let wait = request.task.lock.as_ref().map_or(Duration::ZERO, |l| l.timeout);
    let open = tokio::task::spawn_blocking(move || {
        let handle: Arc<dyn StateHandle> = Arc::from(store.open(&name, wait)?);
        let state = handle.load()?;
        Ok::<_, StateError>((handle, state))
    });
    let opened = open.await.map_err(|e| failed(e.to_string()))?;
    let (handle, state) = opened.map_err(|error| match error {
        StateError::Held { .. } => Outcome::Held(
            Failure::new(FailureKind::State, error.to_string())
                .help("wait for it (`lock { timeout = \"1m\" }`), or stop that process"),
        ),
        other => {
            let failure = Failure::new(FailureKind::State, other.to_string());
            Outcome::Failed(match other.help() {
                Some(help) => failure.help(help),
                None => failure,
            })
        }
    })?;
    let state = match state {
        Some(state) => state,
        None => {
            let mut state = TaskState::new(&request.task.name);
            saver::stamp(&mut state);
            saver::write(handle.clone(), None, state.clone()).await.map_err(Outcome::Failed)?;
            state
        }
    };
    let spawner = Spawner::new().map_err(|e| failed(format!("cannot start a thread: {e}")))?;
    Ok((handle, state, spawner))
}

/// Refuses a route that cannot keep what the task requires.
pub(crate) fn check_guarantee(task: &Task, route: &Route) -> Result<(), Failure> {
    let Some(required) = task.require else { return Ok(()) };
    let Some(first) = guarantee::violations(route, required).into_iter().next() else {
        return Ok(());
    };
    let message = format!(
        "the task requires {required}, but {} → {} is {}: {}",
        first.input, first.output, first.guarantee, first.reason
    );
    Err(Failure::new(FailureKind::Guarantee, message)
        .help(format!("`dstream plan {}` shows the guarantee of every route", task.name)))
}

/// What all attempts of one run share.
pub(crate) struct Runner {
    pub(crate) request: RunRequest,
    pub(crate) mask: Mask,
    pub(crate) report: Reporter,
    pub(crate) counters: Arc<Counters>,
    pub(crate) handle: Arc<dyn StateHandle>,
    pub(crate) spawner: Spawner,
    /// What runs before this one have moved.
    pub(crate) before: Sums,
}

impl Runner {
    async fn attempts(&self, mut state: TaskState) -> Outcome {
        let retry = self.request.task.retry.clone().unwrap_or_default();
        let mut waits = backoff(&retry);
        let mut attempt = 1;
        loop {
            let saved = self.counters.saved.load(Relaxed);
            self.report.emit(EventKind::Starting { attempt });
            let end = Attempt::new(self).run(&mut state).await;
            let failure = match end {
                End::Done if self.request.cancel.requested() == Stop::No => {
                    return Outcome::Completed;
                }
                End::Done => return Outcome::Stopped,
                End::Killed => return Outcome::Killed,
                End::Failed(failure) => confined::explain(self.request.route.members(), failure),
            };
            if self.counters.saved.load(Relaxed) > saved {
                waits = backoff(&retry);
            }
            // A stop that fails is no stop: what was begun is not all saved, and somebody must know.
            let again = failure.is_transient()
                && self.may_retry()
                && self.request.cancel.requested() == Stop::No;
            let wait = waits.next().filter(|_| again);
            let Some(wait) = wait else { return Outcome::Failed(failure) };
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.report.emit(EventKind::Retrying { attempt, wait_ms, failure: Box::new(failure) });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.request.cancel.reached(Stop::Drain) => return Outcome::Stopped,
            }
            attempt += 1;
        }
    }

    /// A version-1 provider begins again from the start of its data: only a task that asks for it
    /// is started again by itself.
    fn may_retry(&self) -> bool {
        let v2 = self.request.route.members().all(|m| m.program.protocol == Protocol::V2);
        v2 || self.request.task.retry.is_some()
    }
}

fn backoff(retry: &Retry) -> impl Iterator<Item = Duration> + use<> {
    ExponentialBuilder::default()
        .with_jitter()
        // Without one, all tasks that lost the same server would come back at the same moments.
        .with_jitter_seed(uuid::Uuid::new_v4().as_u64_pair().0)
        .with_min_delay(retry.initial_backoff)
        .with_max_delay(retry.max_backoff)
        .with_max_times(retry.max_attempts.saturating_sub(1) as usize)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_first_to_the_longest_and_no_two_tasks_wait_alike() {
        let ms = Duration::from_millis;
        let retry = Retry { max_attempts: 6, initial_backoff: ms(100), max_backoff: ms(1000) };
        let waits: Vec<Duration> = backoff(&retry).collect();
        let least = [100, 200, 400, 800, 1000].map(ms);
        assert_eq!(waits.len(), least.len(), "one between every two attempts");
        for (wait, least) in waits.iter().zip(least) {
            assert!(*wait >= least && *wait <= 2 * least, "{waits:?}");
        }
        assert_ne!(waits, backoff(&retry).collect::<Vec<_>>());
        assert_eq!(backoff(&Retry { max_attempts: 1, ..retry }).count(), 0);
    }
}
