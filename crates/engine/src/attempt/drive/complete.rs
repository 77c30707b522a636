//! The good end: everything is committed and saved, the inputs hear of it, all processes end.

use std::sync::atomic::Ordering::Relaxed;

use dstream_protocol::Role;
use tokio::time::{Instant, sleep_until};

use super::{Drive, Step};
use crate::attempt::End;
use crate::cancel::Stop;
use crate::route::title;

impl Drive<'_> {
    /// Everything has been handed over: is it all committed? Then it is saved, and the inputs are
    /// told and end.
    pub(super) async fn complete(mut self) -> End {
        let (offered, settled) = {
            let book = self.wiring.hub.book();
            (book.ledger.last_offered(), book.ledger.settled())
        };
        if settled < offered {
            return End::Failed(self.behind(settled, offered));
        }
        if let Err(failure) = self.wiring.saver.save().await {
            return End::Failed(failure);
        }
        let end = self.release_inputs().await;
        self.count_missed();
        end
    }

    /// What an output that is not critical was sent and has not accounted for, it has missed: it
    /// has ended before, or was too slow and is ended now.
    fn count_missed(&self) {
        let hub = &self.wiring.hub;
        let outputs = hub.seats.iter().enumerate().filter(|(_, seat)| seat.role == Role::Output);
        for (index, _) in outputs.filter(|(_, seat)| seat.v2 && !seat.critical) {
            hub.counters.dropped.fetch_add(hub.account(index).outstanding(), Relaxed);
        }
    }

    /// Says who keeps the run from ending though everything is committed. Nobody is killed for it:
    /// an output may have work left that takes long, such as an upload or an index.
    pub(super) fn name_dawdlers(&mut self) {
        let told = self.closed == self.wiring.sinks.len();
        let committed = {
            let book = self.wiring.hub.book();
            book.ledger.settled() >= book.ledger.last_offered()
        };
        if !(told && committed) {
            (self.idle_since, self.warned) = (None, 0);
            return;
        }
        // Said less and less often: it is no news.
        let limit = self.runner.request.task.limits.stop_timeout * (1 << self.warned.min(10));
        if self.idle_since.get_or_insert_with(Instant::now).elapsed() < limit {
            return;
        }
        self.idle_since = Some(Instant::now());
        self.warned += 1;
        let outputs = self.lives.iter().enumerate().filter(|(_, l)| l.role == Role::Output);
        for (_, live) in outputs.filter(|(seat, _)| !self.exited[*seat]) {
            let who = title(live.role, &live.name);
            let message = if live.v2 {
                format!(
                    "{who} has committed everything and been told that the stream ended, and does not end; waiting for it (Ctrl-C ends it: nothing is lost)"
                )
            } else {
                // It says nothing of what it has done: what was handed over may be unread.
                format!(
                    "{who} was handed everything and its stdin is closed, and it does not end; waiting for it (what it has not read or written is lost if it is stopped: a version-1 output does not say how far it is)"
                )
            };
            self.runner.report.warn(Some(&live.name), message);
        }
    }

    async fn release_inputs(&mut self) -> End {
        let until = Instant::now() + self.runner.request.task.limits.stop_timeout;
        // The last acknowledgement is told first, then stdin is closed.
        self.wiring.release.send_replace(true);
        while self.exited.contains(&false) {
            let signal = tokio::select! {
                signal = self.wiring.signals.recv() => signal,
                // Everything is saved; only the processes are left to end.
                () = self.runner.request.cancel.reached(Stop::Now) => return End::Done,
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
}
