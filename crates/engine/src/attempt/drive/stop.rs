//! The end by request: the inputs finish what is begun, or all are killed.

use dstream_protocol::{Control, Role};
use tokio::time::Instant;

use super::{Drive, Step};
use crate::attempt::End;
use crate::event::EventKind;
use crate::route::title;

impl Drive<'_> {
    /// Asks the inputs to finish.
    pub(super) fn stop(&mut self) -> Step {
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

    pub(super) fn killed(&self, why: &str) -> End {
        self.runner.report.emit(EventKind::Stopping { now: true });
        let message = format!(
            "the providers are killed: {why}; everything up to the last checkpoint is kept"
        );
        self.runner.report.warn(None, message);
        End::Killed
    }

    pub(super) fn late(&self) -> End {
        let limit = self.runner.request.task.limits.stop_timeout;
        self.killed(&format!("{} did not finish within {limit:?} (`stop_timeout`)", self.alive()))
    }

    pub(super) fn alive(&self) -> String {
        let alive = self.lives.iter().zip(&self.exited).filter(|(_, gone)| !**gone);
        alive.map(|(live, _)| title(live.role, &live.name)).collect::<Vec<_>>().join(", ")
    }
}
