//! A transform: what it was sent and what it hands on must add up at every checkpoint.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dstream_protocol::{Account, Checkpoint, Control};
use tokio::time::Instant;

use super::{after_end, misplaced, read, uncovered};
use crate::event::EventKind;
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
                let who = &self.hub.seats[self.seat];
                let (provider, role) = (who.name.clone(), who.role);
                self.hub.report.emit(EventKind::Progress { provider, role, progress });
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
        if let Some(account) = given.account {
            self.check(given.id, account, Account { taken, out, rejected: seen, ..account })?;
            self.hub.counters.filtered.fetch_add(account.filtered, Relaxed);
        }
        let id = given.id;
        // The next one does its own account.
        let line = Control::Checkpoint(Checkpoint { account: None, ..given });
        Ok(Piece::Checkpoint { text: Text::Own(line.to_line().into_bytes()), id })
    }

    fn check(&self, id: u64, said: Account, counted: Account) -> Result<(), Failure> {
        let balanced = self.reshapes || said.taken == said.out + said.filtered + said.rejected;
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
