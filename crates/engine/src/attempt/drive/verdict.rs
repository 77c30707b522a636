//! Says what went wrong: who, how it ended, what it said last.

use std::process::ExitStatus;

use dstream_protocol::Role;

use super::{Drive, Step};
use crate::failure::{Failure, FailureKind};
use crate::hub::Index;
use crate::process::describe_status;

impl Drive<'_> {
    /// What a process that ended wrongly is to be told the user as.
    pub(super) fn verdict(&self, seat: Index, status: ExitStatus, finished: bool) -> Failure {
        let live = &self.lives[seat];
        let words = self.wiring.hub.seats[seat].last_words.lock();
        if let Some(error) = words.unwrap_or_else(|e| e.into_inner()).clone() {
            return live.reported(error);
        }
        let how = describe_status(status);
        if status.success() {
            let (kind, when) = match live.role {
                // Of version 1 nobody expects `@end`.
                Role::Input if !live.v2 => {
                    (FailureKind::Crash, "before all that it wrote was handed on")
                }
                Role::Output => (FailureKind::Crash, "while there were envelopes to come"),
                _ => (FailureKind::Protocol, "without `@end`, so its data may be incomplete"),
            };
            return live.failure(kind, format!("it ended with {how} {when}"));
        }
        let when = if finished { " after the end of its data" } else { "" };
        live.failure(FailureKind::Crash, format!("it ended with {how}{when}"))
    }

    /// Adds what the provider last wrote to stderr.
    pub(super) fn explain(&self, mut failure: Failure) -> Failure {
        if let Some((role, name)) = &failure.provider
            && failure.stderr.is_empty()
            && let Some(live) = self.lives.iter().find(|l| l.role == *role && l.name == *name)
        {
            failure.stderr = live.tail.lines();
        }
        failure
    }

    /// Who has not accounted for all checkpoints: the first that lines pass through.
    pub(super) fn behind(&self, settled: u64, offered: u64) -> Failure {
        let transforms = (0..self.lives.len()).filter(|i| self.lives[*i].role == Role::Transform);
        let outputs = (0..self.lives.len()).filter(|i| self.lives[*i].role == Role::Output);
        let mut suspects = transforms.chain(outputs).filter(|i| self.is_critical(*i));
        let seat = suspects.find(|i| self.wiring.hub.account(*i).is_behind()).unwrap_or(0);
        let live = &self.lives[seat];
        let did = if live.role == Role::Transform { "handed on" } else { "committed" };
        let message =
            format!("it ended well, but {did} only up to checkpoint {settled} of {offered}");
        live.failure(FailureKind::Protocol, message)
    }

    pub(super) fn never_explained(&mut self) -> Step {
        let Some((seat, _)) = self.broken.take() else { return Step::On };
        let message = "it closed its stdin while there were envelopes to come";
        Step::Failed(self.lives[seat].failure(FailureKind::Crash, message))
    }

    /// A task of the engine itself broke: its provider would not be heard any more.
    pub(super) fn broke(&self, ended: Result<(), tokio::task::JoinError>) -> Step {
        match ended {
            Err(error) if error.is_panic() => {
                let message = format!("a defect of dstream itself: {error}");
                let failure = Failure::new(FailureKind::Protocol, message);
                Step::Failed(
                    failure.help("everything up to the last checkpoint is kept; please report it"),
                )
            }
            _ => Step::On,
        }
    }
}
