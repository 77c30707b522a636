//! A transform: what it was sent and what it hands on must add up at every checkpoint.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dstream_protocol::{Account, Checkpoint, Control, Role};
use tokio::time::Instant;

use super::{after_end, misplaced, read, uncovered};
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Index};
use crate::relay::piece::{Piece, Rules, Text};
use crate::relay::pump::PumpRules;

/// What a transform may write.
pub(crate) struct TransformRules {
    pub(crate) hub: Arc<Hub>,
    pub(crate) seat: Index,
    /// One envelope may become several, or several one.
    pub(crate) reshapes: bool,
    /// Envelopes that it has handed on since its last checkpoint.
    pub(crate) out: u64,
    /// The last checkpoint that it has handed on.
    pub(crate) forwarded: u64,
    /// The destination keeps the checkpoint, and so needs the states of every one.
    pub(crate) transactional: bool,
    /// With several inputs, control lines say which one they come from.
    pub(crate) several: bool,
    pub(crate) ended: bool,
}

impl Rules for TransformRules {
    fn envelopes(&mut self, lines: u64, _bytes: usize) -> Result<(), Failure> {
        if self.ended {
            return Err(after_end(&self.hub, self.seat));
        }
        self.out += lines;
        Ok(())
    }

    fn control(&mut self, line: &[u8], at: Range<usize>) -> Result<Option<Piece>, Failure> {
        match read(&self.hub, self.seat, line)? {
            Control::Progress(progress) => {
                self.hub.progress(self.seat, progress);
                Ok(None)
            }
            Control::Error(error) => {
                self.hub.last_words(self.seat, error);
                Ok(None)
            }
            _ if self.ended => Err(after_end(&self.hub, self.seat)),
            Control::Checkpoint(checkpoint) => self.checkpoint(checkpoint).map(Some),
            Control::Schema(_) => Ok(Some(Piece::Control { text: Text::At(at) })),
            Control::Rejected(rejected) => self.hub.reject(self.seat, rejected).map(|()| None),
            Control::End(_) => {
                uncovered(&self.hub, self.seat, self.out)?;
                self.ended = true;
                Ok(None)
            }
            Control::Claim(_) | Control::Claimed(_) | Control::Committed(_) | Control::Stop(_) => {
                Err(misplaced(&self.hub, self.seat, line))
            }
        }
    }
}

impl TransformRules {
    fn checkpoint(&mut self, given: Checkpoint) -> Result<Piece, Failure> {
        let who = &self.hub.seats[self.seat];
        let (sent, seen) = {
            let mut account = self.hub.account(self.seat);
            let sent = account.settle(given.id);
            (sent, std::mem::take(&mut account.rejected))
        };
        let taken = sent.map_err(|e| who.failure(FailureKind::Protocol, e.to_string()))?;
        let out = std::mem::take(&mut self.out);
        let counted = Account { taken, out, filtered: 0, rejected: seen };
        // One that says nothing has left nothing out.
        let said = given.account.unwrap_or(counted);
        self.check(given.id, said, Account { filtered: said.filtered, ..counted })?;
        self.hub.counters.filtered.fetch_add(said.filtered, Relaxed);
        let line = Control::Checkpoint(self.compose(given.id)?);
        self.hub.close_letters(self.seat, given.id)?;
        self.forwarded = given.id;
        Ok(Piece::Checkpoint { text: Text::Own(line.to_line().into_bytes()), id: given.id })
    }

    /// The line for the next step, which does its own account. The states are the host's own: those
    /// of withheld checkpoints must not be missing in a destination that keeps them.
    fn compose(&self, id: u64) -> Result<Checkpoint, Failure> {
        let composed = self.hub.book().ledger.compose(self.forwarded, id);
        let who = &self.hub.seats[self.seat];
        let Some(composed) = composed else {
            let message = format!("it handed checkpoint {id} on after it was committed");
            return Err(who.failure(FailureKind::Protocol, message));
        };
        if composed.left_out.is_some() && self.transactional {
            let message = format!(
                "it withheld the checkpoint of one input and handed on {id} of another: the destination keeps the checkpoint and would not hear of the first"
            );
            return Err(who.failure(FailureKind::Protocol, message));
        }
        let inputs = self.hub.seats.iter().filter(|s| s.role == Role::Input);
        let from = inputs.map(|s| &s.name).nth(composed.input).filter(|_| self.several).cloned();
        Ok(Checkpoint { id, state: composed.states, from, account: None })
    }

    fn check(&self, id: u64, said: Account, counted: Account) -> Result<(), Failure> {
        let left = [said.out, said.filtered, said.rejected];
        let left = left.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n));
        let balanced = self.reshapes || left == Some(said.taken);
        if said == counted && balanced {
            return Ok(());
        }
        let message = format!(
            "up to checkpoint {id} it accounts for {} in, {} out, {} filtered and {} rejected; counted were {} in, {} out and {} rejected",
            said.taken,
            said.out,
            said.filtered,
            said.rejected,
            counted.taken,
            counted.out,
            counted.rejected
        );
        Err(self.hub.seats[self.seat].failure(FailureKind::Accounting, message))
    }
}

impl PumpRules for TransformRules {
    fn insert(&mut self, _now: bool) -> Option<Piece> {
        None
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn due(&self) -> Option<Instant> {
        None
    }
}
