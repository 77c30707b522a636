//! The good end: everything is committed and saved, the inputs hear of it, all processes end.

use tokio::time::{Instant, sleep_until};

use super::{Drive, Step};
use crate::attempt::End;
use crate::cancel::Stop;

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
        self.release_inputs().await
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
