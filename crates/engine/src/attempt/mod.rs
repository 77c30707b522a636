//! One life of all processes of a task: start, relay, drain, end.
//!
//! - [`launch`]: starts the providers in order, and finds out where to resume; [`letters`]: the dead
//!   letters of the attempt before; [`seats`]: what the providers of this one share
//! - [`start`]: starts one: process, environment, command
//! - [`wire`]: connects them: who reads whom, who is told what; [`pumps`]: how their streams end
//! - [`drive`]: waits for the end: of the data, by request, or by a failure
//! - [`wind_up`]: ends every process, and saves what was committed

mod drive;
mod launch;
mod letters;
mod pumps;
mod seats;
mod start;
mod wind_up;
mod wire;

use crate::cancel::Stop;
use crate::event::EventKind;
use crate::failure::Failure;
use crate::run::Runner;
use crate::startup::Live;
use crate::state::TaskState;

/// How an attempt ended.
pub(crate) enum End {
    /// Every stream ended cleanly, everything is saved.
    Done,
    /// By force.
    Killed,
    /// It failed.
    Failed(Failure),
}

/// One attempt.
pub(crate) struct Attempt<'a> {
    runner: &'a Runner,
    /// Every provider that was started: outputs, transforms, inputs.
    lives: Vec<Live>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(runner: &'a Runner) -> Self {
        Self { runner, lives: Vec::new() }
    }

    /// Lives it. `state` is what was saved when this returns.
    pub(crate) async fn run(mut self, state: &mut TaskState) -> End {
        let cancel = &self.runner.request.cancel;
        let launched = tokio::select! {
            biased;
            () = cancel.reached(Stop::Drain) => None,
            launched = launch::launch(self.runner, &mut self.lives, state) => Some(launched),
        };
        let launched = match launched {
            Some(Ok(launched)) => launched,
            // Nothing was begun yet, so there is nothing to finish.
            stopped_or_failed => {
                wind_up::end_processes(self.runner, &mut self.lives).await;
                return match stopped_or_failed {
                    Some(Err(failure)) => End::Failed(failure),
                    _ if cancel.requested() == Stop::Now => End::Killed,
                    _ => End::Done,
                };
            }
        };
        let mut wiring = wire::connect(self.runner, &mut self.lives, launched);
        self.runner.report.emit(EventKind::Running { resumed: wiring.resumed });
        let mut end = drive::drive(self.runner, &self.lives, &mut wiring).await;
        if let Err(failure) = wind_up::finish(self.runner, &mut self.lives, wiring, state).await
            && !matches!(&end, End::Failed(why) if !why.is_transient())
        {
            // Starting again would go on from what is not on disk.
            end = End::Failed(failure);
        }
        end
    }
}
