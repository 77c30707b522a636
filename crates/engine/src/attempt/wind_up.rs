//! Ends every process of an attempt, waits until it is reaped, and saves what was committed.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::wire::Wiring;
use crate::cancel::Stop;
use crate::failure::Failure;
use crate::run::Runner;
use crate::startup::Live;
use crate::state::TaskState;

/// How long the pipes of processes that are gone may take to be read to their end.
const READ_OUT: Duration = Duration::from_secs(2);

/// Closes the pipes, ends the processes, saves. `state` is what is saved.
pub(super) async fn finish(
    runner: &Runner,
    lives: &mut Vec<Live>,
    mut wiring: Wiring,
    state: &mut TaskState,
) -> Result<(), Failure> {
    // No pump writes any more: an output sees its stdin end without `@end`, unless it was told.
    wiring.pumps.shutdown().await;
    // Speakers write to outputs too. One that waits for an output that reads no more would hold the
    // sink for ever.
    wiring.speakers.shutdown().await;
    for sink in &wiring.sinks {
        sink.lock().await.close();
    }
    end_processes(runner, lives).await;
    // What outputs have committed up to their end still counts.
    let until = Instant::now() + READ_OUT;
    while let Ok(Some(_)) = timeout_at(until, wiring.listeners.join_next()).await {}
    wiring.listeners.shutdown().await;
    let saved = wiring.saver.save().await;
    wiring.saving.shutdown().await;
    *state = wiring.hub.book().state.clone();
    saved
}

/// Asks every process to end, kills those that do not in time, and waits until all are reaped.
pub(super) async fn end_processes(runner: &Runner, lives: &mut Vec<Live>) {
    let cancel = &runner.request.cancel;
    let until = Instant::now() + runner.request.task.limits.stop_timeout;
    if cancel.requested() < Stop::Now {
        for live in lives.iter_mut().filter(|live| live.exit.borrow().is_none()) {
            live.stdin = None;
            live.stdout = None;
            live.group.terminate();
        }
        let all_gone = async {
            for live in lives.iter_mut() {
                drop(live.exit.wait_for(Option::is_some).await);
            }
        };
        tokio::select! {
            _ = timeout_at(until, all_gone) => {}
            () = cancel.reached(Stop::Now) => {}
        }
    }
    for live in lives.iter_mut() {
        live.group.kill();
        // An error means that it has been reaped already.
        drop(live.exit.wait_for(Option::is_some).await);
    }
    lives.clear();
}
