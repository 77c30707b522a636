//! Starts the providers: outputs first, because a transactional one knows where to resume.

use std::sync::Arc;

use dstream_protocol::Role;
use tokio::sync::mpsc;

use super::letters::Letters;
use super::seats::make_hub;
use super::start::start_each;
use crate::dead_letter::{self, Keeper};
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Signal};
use crate::relay::listen::listen;
use crate::resume;
use crate::route::{Member, Route};
use crate::run::{Runner, check_guarantee};
use crate::saver;
use crate::startup::Live;
use crate::state::TaskState;

/// What the next step needs.
pub(super) struct Launched {
    pub(super) hub: Arc<Hub>,
    pub(super) signals: mpsc::UnboundedReceiver<Signal>,
    pub(super) replies: Vec<mpsc::UnboundedReceiver<String>>,
    pub(super) listeners: tokio::task::JoinSet<()>,
    pub(super) resumed: bool,
    /// The destination keeps the checkpoint, and so answers claims.
    pub(super) transactional: bool,
    /// What the output commits must hold no half of an interval.
    pub(super) whole_intervals: bool,
}

/// Starts all providers. They are in `lives`, in the order outputs, transforms, inputs, also those
/// that were started before one failed.
pub(super) async fn launch(
    runner: &Runner,
    lives: &mut Vec<Live>,
    state: &mut TaskState,
) -> Result<Launched, Failure> {
    let mut route = runner.request.route.clone();
    let task = &runner.request.task.name;
    let mut book = state.clone();

    resume::check_providers(task, &book, &route)?;
    start_outputs(runner, lives, &mut route.outputs, &book).await?;
    let keeper = accept_outputs(task, lives, &mut route, &mut book)?;
    if resume::done_by_hand(&mut book) {
        // Saved before anything flows: a second time would take back what is committed from here.
        saver::stamp(&mut book);
        saver::write(runner.handle.clone(), None, book.clone()).await?;
        *state = book.clone();
    }
    let before = book.dead_letters.take();
    let epoch = keeper.and_then(|output| lives[output].ready.epoch);
    let (hub, signals, replies) = make_hub(runner, &route, lives, keeper, book);
    let mut listeners = tokio::task::JoinSet::new();
    for (seat, live) in lives.iter_mut().enumerate() {
        if let Some(stdout) = live.stdout.take() {
            listeners.spawn(listen(hub.clone(), seat, stdout, live.handshake_pending));
        }
    }
    let book = hub.book().state.clone();
    take_all(lives, start_each(runner, &route.transforms, &book).await)?;
    take_all(lives, start_each(runner, &route.inputs, &book).await)?;
    accept_inputs(task, lives, &mut route, &hub, &book)?;
    check_guarantee(&runner.request.task, &route)?;
    let resumed = resume::checkpoints(&book).values().any(|states| !states.is_empty());
    let kept = keeper.map(|output| Keeper {
        key: dead_letter::key(Role::Output, &route.outputs[output].block.name),
        previous: lives[output].ready.previous,
    });
    let letters = Letters { before, keeper: kept, epoch };
    letters.begin(runner, &route, &hub, state).await?;
    let transactional = keeper.is_some();
    let whole_intervals = transactional || cuts_back(&route);
    Ok(Launched { hub, signals, replies, listeners, resumed, transactional, whole_intervals })
}

/// Starts the outputs. One that is not critical and cannot start is left out of the route.
async fn start_outputs(
    runner: &Runner,
    lives: &mut Vec<Live>,
    outputs: &mut Vec<Member>,
    state: &TaskState,
) -> Result<(), Failure> {
    let started = start_each(runner, outputs, state).await;
    let mut kept = Vec::new();
    for (member, result) in std::mem::take(outputs).into_iter().zip(started) {
        match result {
            Err(failure) if !member.block.critical => {
                let message =
                    format!("{failure}; it is not critical, so the others go on without it");
                runner.report.warn(Some(&member.block.name), message);
            }
            result => {
                outputs.push(member);
                kept.push(result);
            }
        }
    }
    take_all(lives, kept)
}

/// Holds what the outputs said against the state; gives the one that keeps the checkpoint.
fn accept_outputs(
    task: &str,
    lives: &[Live],
    route: &mut Route,
    book: &mut TaskState,
) -> Result<Option<usize>, Failure> {
    for (member, live) in route.outputs.iter_mut().zip(lives) {
        resume::check_output(task, book, member, &live.ready)?;
        resume::note_output(book, member, &live.ready);
        let delivery = live.ready.delivery.or(member.program.delivery);
        if delivery.is_some_and(|d| d.transactional) && live.ready.epoch.is_none() {
            let message =
                "it declares itself transactional, but claims no epoch in its destination";
            return Err(live.failure(FailureKind::Protocol, message));
        }
        member.program.delivery = delivery;
    }
    let keeper = checkpoint_keeper(route, lives);
    if let Some(output) = keeper {
        let ready = &lives[output].ready;
        let member = &route.outputs[output];
        resume::adopt_destination(task, book, &route.inputs, member, ready)?;
    }
    Ok(keeper)
}

/// Holds what the inputs said against the state.
fn accept_inputs(
    task: &str,
    lives: &[Live],
    route: &mut Route,
    hub: &Hub,
    book: &TaskState,
) -> Result<(), Failure> {
    let first = route.outputs.len() + route.transforms.len();
    for (member, live) in route.inputs.iter_mut().zip(&lives[first..]) {
        resume::check_input(task, book, member, &live.ready)?;
        resume::note_input(&mut hub.book().state, member, &live.ready);
        member.program.delivery = live.ready.delivery.or(member.program.delivery);
    }
    Ok(())
}

/// Whether the one critical output is cut back to its last checkpoint after a crash: what follows
/// the checkpoint of one input must not stand before that of another.
fn cuts_back(route: &Route) -> bool {
    let critical = route.outputs.iter().filter(|o| o.block.critical);
    critical.map(|o| o.program.delivery.unwrap_or_default().append_only).eq([true])
}

/// The one critical output, if it keeps the checkpoint in its destination.
fn checkpoint_keeper(route: &Route, lives: &[Live]) -> Option<usize> {
    let mut critical = (0..route.outputs.len()).filter(|i| route.outputs[*i].block.critical);
    let only = critical.next().filter(|_| critical.next().is_none())?;
    lives[only].ready.epoch.map(|_| only)
}

/// Keeps all that were started, also where one was not.
fn take_all(lives: &mut Vec<Live>, started: Vec<Result<Live, Failure>>) -> Result<(), Failure> {
    let mut first = Ok(());
    for result in started {
        match result {
            Ok(live) => lives.push(live),
            Err(failure) => first = first.and(Err(failure)),
        }
    }
    first
}
