//! Waits for the end of an attempt: the end of the data, a request, or a failure.
//!
//! - this file: what is heard, and what follows from it
//! - [`complete`]: the good end
//! - [`stop`]: the end by request
//! - [`verdict`]: what a failure is told the user as

mod complete;
mod stop;
mod verdict;

use std::process::ExitStatus;
use std::time::Duration;

use dstream_protocol::{Control, Role};
use tokio::time::{Instant, interval, sleep_until};

use super::End;
use super::wire::Wiring;
use crate::cancel::Stop;
use crate::event::EventKind;
use crate::failure::Failure;
use crate::hub::{Index, Signal};
use crate::process::describe_status;
use crate::relay::piece::{Piece, Text};
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
            Some(ended) = drive.wiring.pumps.join_next() => drive.broke(ended),
            Some(ended) = drive.wiring.listeners.join_next() => drive.broke(ended),
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
    /// Outputs that are not critical and were ended because of what they did.
    given_up: Vec<bool>,
    /// How many sinks have been told that the stream has ended.
    closed: usize,
    stopping: bool,
    deadline: Option<Instant>,
    broken: Option<(Index, Instant)>,
    /// Since when everything is committed and only processes are left to end, or the last warning.
    idle_since: Option<Instant>,
    /// How often it was said.
    warned: u32,
}

impl<'a> Drive<'a> {
    fn new(runner: &'a Runner, lives: &'a [Live], wiring: &'a mut Wiring) -> Self {
        let none = vec![false; lives.len()];
        Self {
            runner,
            lives,
            wiring,
            ended: none.clone(),
            exited: none.clone(),
            given_up: none,
            closed: 0,
            stopping: false,
            deadline: None,
            broken: None,
            idle_since: None,
            warned: 0,
        }
    }

    fn heard(&mut self, signal: Signal) -> Step {
        match signal {
            Signal::Saved => Step::On,
            Signal::Failed(failure) => match self.dispensable(&failure) {
                Some(seat) => self.give_up(seat, &failure.message),
                None => Step::Failed(self.explain(failure)),
            },
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
            self.wiring.pumps.spawn(async move {
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
        if self.given_up[seat] {
            return self.drained();
        }
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
        if self.awaits_the_next(seat, status) {
            return Step::On;
        }
        Step::Failed(self.verdict(seat, status, finished))
    }

    /// A version-1 input that ended well had no more to say. Where its lines could not be handed on,
    /// the step after it broke, and is about to say why.
    fn awaits_the_next(&self, seat: Index, status: ExitStatus) -> bool {
        let live = &self.lives[seat];
        live.role == Role::Input && !live.v2 && status.success() && self.broken.is_some()
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

    /// The output that is not critical which a failure is of.
    fn dispensable(&self, failure: &Failure) -> Option<Index> {
        let (role, name) = failure.provider.as_ref()?;
        let named = |live: &Live| live.role == *role && live.name == *name;
        self.lives.iter().position(named).filter(|seat| !self.is_critical(*seat))
    }

    /// One that broke a rule is not heard any more, and so has to end.
    fn give_up(&mut self, seat: Index, why: &str) -> Step {
        self.given_up[seat] = true;
        self.lives[seat].group.kill();
        self.lost(seat, &format!("is ended: {why}"))
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

    fn tick(&mut self) -> Step {
        self.runner.report.emit(EventKind::Stats { totals: self.wiring.hub.totals() });
        self.name_dawdlers();
        Step::On
    }

    fn all(&self, role: Role, flags: &[bool]) -> bool {
        self.lives.iter().zip(flags).all(|(live, flag)| live.role != role || *flag)
    }

    fn is_critical(&self, seat: Index) -> bool {
        self.wiring.hub.seats[seat].critical
    }
}
