//! A version-2 input.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dstream_protocol::{Checkpoint, Claim, ClaimedPart, Control, StreamSchema};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{after_end, misplaced, read, uncovered};
use crate::failure::Failure;
use crate::hub::{Hub, Index};
use crate::relay::piece::{Piece, Rules, Text};
use crate::relay::pump::PumpRules;

/// What a version-2 input may write.
pub(crate) struct InputRules {
    pub(crate) hub: Arc<Hub>,
    pub(crate) seat: Index,
    /// With several inputs, control lines say which one they come from.
    pub(crate) several: bool,
    pub(crate) claims: Claims,
    /// Partitions whose states the destination keeps for several instances: a copy here would be
    /// out of date as soon as another of them has one.
    pub(crate) shared: BTreeSet<String>,
    /// Envelopes since its last checkpoint.
    pub(crate) open: u64,
    pub(crate) ended: bool,
}

/// Who answers claims.
#[derive(Debug, Clone)]
pub(crate) enum Claims {
    /// The host, from its own state.
    Host,
    /// The destination, which the input's lines go to.
    InLine,
    /// The destination, which the input's lines reach only through transforms.
    Past(mpsc::UnboundedSender<Vec<u8>>),
}

impl Rules for InputRules {
    fn envelopes(&mut self, lines: u64, bytes: usize) -> Result<(), Failure> {
        if self.ended {
            return Err(after_end(&self.hub, self.seat));
        }
        self.open += lines;
        self.hub.counters.read.fetch_add(lines, Relaxed);
        self.hub.counters.bytes.fetch_add(bytes as u64, Relaxed);
        Ok(())
    }

    fn control(&mut self, line: &[u8], at: Range<usize>) -> Result<Option<Piece>, Failure> {
        let control = read(&self.hub, self.seat, line)?;
        match control {
            Control::Progress(progress) => {
                self.hub.progress(self.seat, progress);
                Ok(None)
            }
            Control::Error(error) => {
                self.hub.last_words(self.seat, error);
                Ok(None)
            }
            _ if self.ended => Err(after_end(&self.hub, self.seat)),
            Control::Checkpoint(checkpoint) => self.checkpoint(checkpoint, at).map(Some),
            Control::Schema(schema) => Ok(Some(self.schema(schema, at))),
            Control::Claim(claim) => Ok(self.claim(claim)),
            Control::Rejected(rejected) => self.hub.reject(self.seat, rejected).map(|()| None),
            Control::End(_) => {
                uncovered(&self.hub, self.seat, self.open)?;
                self.ended = true;
                Ok(None)
            }
            Control::Claimed(_) | Control::Committed(_) | Control::Stop(_) => {
                Err(misplaced(&self.hub, self.seat, line))
            }
        }
    }
}

impl InputRules {
    fn name(&self) -> Option<String> {
        self.several.then(|| self.hub.seats[self.seat].name.clone())
    }

    fn checkpoint(&mut self, mut given: Checkpoint, at: Range<usize>) -> Result<Piece, Failure> {
        self.open = 0;
        let several = self.several;
        let mut own = if several { given.state.clone() } else { std::mem::take(&mut given.state) };
        own.retain(|part, _| !self.shared.contains(part));
        let id = self.hub.offer(self.seat, given.id, own)?;
        self.hub.close_letters(self.seat, id)?;
        if !several {
            return Ok(Piece::Checkpoint { text: Text::At(at), id });
        }
        let line = Control::Checkpoint(Checkpoint { id, from: self.name(), ..given });
        Ok(Piece::Checkpoint { text: Text::Own(line.to_line().into_bytes()), id })
    }

    fn schema(&self, schema: StreamSchema, at: Range<usize>) -> Piece {
        if !self.several {
            return Piece::Control { text: Text::At(at) };
        }
        let line = Control::Schema(StreamSchema { from: self.name(), ..schema });
        Piece::Control { text: Text::Own(line.to_line().into_bytes()) }
    }

    /// The destination knows best where a partition stands, if it keeps the checkpoint; else the
    /// host answers from its own state. The reply to an input never waits.
    fn claim(&mut self, claim: Claim) -> Option<Piece> {
        let who = &self.hub.seats[self.seat];
        if let Claims::Host = self.claims {
            let book = self.hub.book();
            let input = book.state.inputs.get(&who.name);
            let state = input.and_then(|i| i.checkpoint.get(&claim.part)).cloned();
            let (part, epoch) = (claim.part, Some(claim.epoch));
            let reply = ClaimedPart { part, state, epoch, shared: false, from: None };
            drop(self.hub.replies[who.place].send(Control::Claimed(reply).to_line()));
            return None;
        }
        if claim.group.is_some() {
            self.shared.insert(claim.part.clone());
        }
        let line = Control::Claim(Claim { from: self.name(), ..claim }).to_line().into_bytes();
        match &self.claims {
            Claims::Past(asked) => {
                // Nobody listens any more once the attempt is over.
                drop(asked.send(line));
                None
            }
            _ => Some(Piece::Control { text: Text::Own(line) }),
        }
    }
}

impl PumpRules for InputRules {
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
