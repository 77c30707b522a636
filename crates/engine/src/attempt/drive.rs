//! Waits for the end of an attempt: the end of the data, a request, or a failure.

use std::process::ExitStatus;
use std::time::Duration;

use dstream_protocol::{Control, Role};
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::End;
use super::wire::Wiring;
use crate::cancel::Stop;
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Index, Signal};
use crate::process::describe_status;
use crate::relay::piece::{Piece, Text};
use crate::relay::pump::Shared;
use crate::route::title;
use crate::run::Runner;
use crate::startup::Live;

/// How long a provider that has closed its stdin may take to say, by ending, why.
const EXPLAIN: Duration = Duration::from_secs(2);

/// Drives an attempt to its end. The processes may still live when this returns.
pub(super) async fn drive(runner: &Runner, lives: &[Live], wiring: &mut Wiring) -> End {
    let mut drive = Drive::new(runner, lives, wiring);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.tick().await;
    let cancel = &runner.request.cancel;
    loop {
        let draining = drive.deadline.is_some();
        let over = drive.deadline.unwrap_or_else(far);
        let silent = drive.broken.map_or_else(far, |(_, until)| until);
        let step = tokio::select! {
            biased;
            () = cancel.reached(Stop::Now) => return drive.killed("it was told to stop at once"),
            signal = drive.wiring.signals.recv() => match signal {
                Some(signal) => drive.heard(signal),
                None => Step::On,
            },
            () = cancel.reached(Stop::Drain), if !drive.stopping => drive.stop(),
            () = sleep_until(silent) => drive.never_explained(),
            () = sleep_until(over), if draining => return drive.late(),
            _ = ticks.tick() => drive.tick(),
        };
        match step {
            Step::On => {}
            Step::Failed(failure) => return End::Failed(failure),
            Step::Drained => return drive.complete().await,
        }
    }
}

/// An output that stores dead letters forgets them when it hears that they are saved. After `@end`
/// it hears nothing more, so the last word comes before; without it they would come again in
/// the next run, even those that a person has replayed or dropped by then.
async fn confirm_dead_letters(hub: &Hub, outputs: &Shared, patience: Duration) {
    if hub.graveyard.is_none() || hub.seats.iter().all(|seat| seat.epoch.is_none()) {
        return;
    }
    let last = hub.book().ledger.last_offered();
    let mut saved = hub.confirmed.subscribe();
    let wait = timeout(patience, saved.wait_for(|id| *id >= last));
    let is_saved = wait.await.is_ok_and(|found| found.is_ok());
    if is_saved {
        // One that does not take it any more is judged by how it ends.
        drop(outputs.lock().await.confirm(last).await);
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}

enum Step {
    On,
    Failed(Failure),
    /// Every critical output has ended well.
    Drained,
}

struct Drive<'a> {
    runner: &'a Runner,
    lives: &'a [Live],
    wiring: &'a mut Wiring,
    ended: Vec<bool>,
    exited: Vec<bool>,
    /// How many sinks have been told that the stream has ended.
    closed: usize,
    stopping: bool,
    deadline: Option<Instant>,
    broken: Option<(Index, Instant)>,
}

impl<'a> Drive<'a> {
    fn new(runner: &'a Runner, lives: &'a [Live], wiring: &'a mut Wiring) -> Self {
        let none = vec![false; lives.len()];
        Self {
            runner,
            lives,
            wiring,
            ended: none.clone(),
            exited: none,
            closed: 0,
            stopping: false,
            deadline: None,
            broken: None,
        }
    }

    fn heard(&mut self, signal: Signal) -> Step {
        match signal {
            Signal::Saved => Step::On,
            Signal::Failed(failure) => Step::Failed(self.explain(failure)),
            Signal::Broken(seat) if self.is_critical(seat) => {
                let until = Instant::now() + EXPLAIN;
                self.broken.get_or_insert((seat, until));
                Step::On
            }
            Signal::Broken(seat) => self.lost(seat, "closed its stdin"),
            Signal::Ended(seat) => {
                self.ended[seat] = true;
                self.pass_the_end_on();
                Step::On
            }
            Signal::Exited(seat, status) => self.gone(seat, status),
        }
    }

    /// A stream has ended; when all that feed a step have, the step is told.
    fn pass_the_end_on(&mut self) {
        let inputs_done = self.all(Role::Input, &self.ended);
        let transforms = self.lives.iter().enumerate().filter(|(_, l)| l.role == Role::Transform);
        let done = transforms.take_while(|(seat, _)| self.ended[*seat]).count();
        let closable = if inputs_done { done + 1 } else { 0 };
        while self.closed < closable.min(self.wiring.sinks.len()) {
            let sink = self.wiring.sinks[self.closed].clone();
            let hub = self.wiring.hub.clone();
            let is_last = self.closed + 1 == self.wiring.sinks.len();
            let patience = self.runner.request.task.limits.commit_within + EXPLAIN;
            self.wiring.pumps.spawn(async move {
                if is_last {
                    confirm_dead_letters(&hub, &sink, patience).await;
                }
                let text = Text::Own(Control::end().to_line().into_bytes());
                let mut sink = sink.lock_owned().await;
                // One that does not take it any more is judged by how it ends.
                drop(sink.write(&[], &[Piece::Control { text }]).await);
                sink.close();
            });
            self.closed += 1;
        }
    }

    fn gone(&mut self, seat: Index, status: ExitStatus) -> Step {
        self.exited[seat] = true;
        let live = &self.lives[seat];
        self.runner.report.emit(EventKind::ProviderExited {
            provider: live.name.clone(),
            role: live.role,
            pid: live.group.pid(),
            status: describe_status(status),
        });
        let finished = match live.role {
            Role::Output => self.closed == self.wiring.sinks.len(),
            Role::Input | Role::Transform => self.ended[seat],
        };
        if !self.is_critical(seat) {
            return if finished && status.success() {
                self.drained()
            } else {
                self.lost(seat, &format!("ended with {}", describe_status(status)))
            };
        }
        if finished && (status.success() || self.was_asked_to_end(seat)) {
            return self.drained();
        }
        Step::Failed(self.verdict(seat, status, finished))
    }

    /// A version-1 input ends by the signal that it was sent.
    fn was_asked_to_end(&self, seat: Index) -> bool {
        let live = &self.lives[seat];
        live.role == Role::Input && !live.v2 && self.ended[seat]
    }

    fn drained(&self) -> Step {
        let outputs = self.lives.iter().enumerate().filter(|(_, l)| l.role == Role::Output);
        let mut critical = outputs.filter(|(seat, _)| self.is_critical(*seat));
        let all_ended = critical.all(|(seat, _)| self.exited[seat]);
        let told = self.closed == self.wiring.sinks.len();
        if told && all_ended { Step::Drained } else { Step::On }
    }

    /// An output that is not critical is gone: the others go on.
    fn lost(&mut self, seat: Index, how: &str) -> Step {
        let live = &self.lives[seat];
        let message = format!(
            "{} {how}; it is not critical, so the others go on without it",
            title(live.role, &live.name)
        );
        if !std::mem::replace(&mut self.exited[seat], true) || how != "closed its stdin" {
            self.runner.report.warn(Some(&live.name), message);
        }
        self.drained()
    }

    /// What a process that ended wrongly is to be told the user as.
    fn verdict(&self, seat: Index, status: ExitStatus, finished: bool) -> Failure {
        let live = &self.lives[seat];
        let words = self.wiring.hub.seats[seat].last_words.lock();
        if let Some(error) = words.unwrap_or_else(|e| e.into_inner()).clone() {
            return live.reported(error);
        }
        let how = describe_status(status);
        if status.success() {
            let (kind, when) = match live.role {
                Role::Output => (FailureKind::Crash, "while there were envelopes to come"),
                _ => (FailureKind::Protocol, "without `@end`, so its data may be incomplete"),
            };
            return live.failure(kind, format!("it ended with {how} {when}"));
        }
        let when = if finished { " after the end of its data" } else { "" };
        live.failure(FailureKind::Crash, format!("it ended with {how}{when}"))
    }

    /// Adds what the provider last wrote to stderr.
    fn explain(&self, mut failure: Failure) -> Failure {
        if let Some((role, name)) = &failure.provider
            && failure.stderr.is_empty()
            && let Some(live) = self.lives.iter().find(|l| l.role == *role && l.name == *name)
        {
            failure.stderr = live.tail.lines();
        }
        failure
    }

    fn never_explained(&mut self) -> Step {
        let Some((seat, _)) = self.broken.take() else { return Step::On };
        let message = "it closed its stdin while there were envelopes to come";
        Step::Failed(self.lives[seat].failure(FailureKind::Crash, message))
    }

    /// Asks the inputs to finish.
    fn stop(&mut self) -> Step {
        self.stopping = true;
        self.runner.report.emit(EventKind::Stopping { now: false });
        self.deadline = Some(Instant::now() + self.runner.request.task.limits.stop_timeout);
        self.wiring.stopping.send_replace(true);
        for (seat, live) in self.lives.iter().enumerate() {
            if live.role != Role::Input || self.exited[seat] || self.ended[seat] {
                continue;
            }
            if live.v2 {
                let place = self.wiring.hub.seats[seat].place;
                drop(self.wiring.hub.replies[place].send(Control::stop().to_line()));
            } else {
                live.group.terminate();
            }
        }
        Step::On
    }

    fn tick(&self) -> Step {
        self.runner.report.emit(EventKind::Stats { totals: self.wiring.hub.totals() });
        Step::On
    }

    fn killed(&self, why: &str) -> End {
        self.runner.report.emit(EventKind::Stopping { now: true });
        let message = format!(
            "the providers are killed: {why}; everything up to the last checkpoint is kept"
        );
        self.runner.report.warn(None, message);
        End::Killed
    }

    fn late(&self) -> End {
        let limit = self.runner.request.task.limits.stop_timeout;
        self.killed(&format!("{} did not finish within {limit:?} (`stop_timeout`)", self.alive()))
    }

    /// Everything has been handed over: is it all committed? Then it is saved, and the inputs are
    /// told and end.
    async fn complete(mut self) -> End {
        let (offered, settled) = {
            let book = self.wiring.hub.book();
            (book.ledger.last_offered(), book.ledger.settled())
        };
        if settled < offered {
            let behind = self.wiring.hub.seats.iter().position(|s| s.cursor.is_some()).unwrap_or(0);
            let message = format!(
                "it ended well, but committed only up to checkpoint {settled} of {offered}"
            );
            return End::Failed(self.lives[behind].failure(FailureKind::Protocol, message));
        }
        if let Err(failure) = self.wiring.saver.save().await {
            return End::Failed(failure);
        }
        self.release_inputs().await
    }

    async fn release_inputs(&mut self) -> End {
        let until = Instant::now() + self.runner.request.task.limits.stop_timeout;
        // The last acknowledgement is told first, then stdin is closed.
        self.wiring.release.send_replace(true);
        while self.exited.contains(&false) {
            let signal = tokio::select! {
                signal = self.wiring.signals.recv() => signal,
                () = sleep_until(until) => {
                    let message = format!("{} did not end after everything was committed", self.alive());
                    self.runner.report.warn(None, message);
                    return End::Done;
                }
            };
            if let Some(signal) = signal
                && let Step::Failed(failure) = self.heard(signal)
            {
                return End::Failed(failure);
            }
        }
        End::Done
    }

    fn alive(&self) -> String {
        let alive = self.lives.iter().zip(&self.exited).filter(|(_, gone)| !**gone);
        alive.map(|(live, _)| title(live.role, &live.name)).collect::<Vec<_>>().join(", ")
    }

    fn all(&self, role: Role, flags: &[bool]) -> bool {
        self.lives.iter().zip(flags).all(|(live, flag)| live.role != role || *flag)
    }

    fn is_critical(&self, seat: Index) -> bool {
        self.wiring.hub.seats[seat].critical
    }
}
