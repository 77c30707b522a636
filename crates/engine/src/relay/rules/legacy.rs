//! A version-1 input: every line is data, and the host puts the checkpoints in.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dstream_protocol::{Checkpoint, Control, PartitionStates, frame::wrap_as_data};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::hub::{Hub, Index};
use crate::relay::piece::{Piece, Rules, Text};
use crate::relay::pump::PumpRules;

/// A checkpoint is put in after that many envelopes…
const LINES: u64 = 10_000;
/// …or that many bytes…
const BYTES: usize = 4 << 20;
/// …or that long after the first envelope that has none.
const AGE: Duration = Duration::from_secs(1);

/// What a version-1 input may write: anything.
pub(crate) struct LegacyRules {
    hub: Arc<Hub>,
    seat: Index,
    several: bool,
    next: u64,
    lines: u64,
    bytes: usize,
    since: Option<Instant>,
}

impl LegacyRules {
    pub(crate) fn new(hub: &Arc<Hub>, seat: Index, several: bool) -> Self {
        Self { hub: hub.clone(), seat, several, next: 1, lines: 0, bytes: 0, since: None }
    }

    fn count(&mut self, lines: u64, bytes: usize) {
        self.hub.counters.read.fetch_add(lines, Relaxed);
        self.hub.counters.bytes.fetch_add(bytes as u64, Relaxed);
        self.lines += lines;
        self.bytes += bytes;
        self.since.get_or_insert_with(Instant::now);
    }

    /// The last line of an input that ended well is complete without its newline.
    pub(crate) fn last_line(&mut self, rest: &[u8]) -> Option<Piece> {
        if rest.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        self.count(1, rest.len());
        let mut line = if rest.starts_with(dstream_protocol::frame::CONTROL_PREFIX) {
            wrap_as_data(rest)
        } else {
            rest.to_vec()
        };
        line.push(b'\n');
        Some(Piece::Envelopes { text: Text::Own(line), lines: 1 })
    }
}

impl Rules for LegacyRules {
    fn envelopes(&mut self, lines: u64, bytes: usize) -> Result<(), Failure> {
        self.count(lines, bytes);
        Ok(())
    }

    fn control(&mut self, line: &[u8], at: Range<usize>) -> Result<Option<Piece>, Failure> {
        self.count(1, at.len());
        let mut wrapped = wrap_as_data(line);
        wrapped.push(b'\n');
        Ok(Some(Piece::Foreign { raw: at, wrapped }))
    }
}

impl PumpRules for LegacyRules {
    fn insert(&mut self, now: bool) -> Option<Piece> {
        let old = self.since.is_some_and(|since| since.elapsed() >= AGE);
        if !(now || old || self.lines >= LINES || self.bytes >= BYTES) {
            return None;
        }
        (self.lines, self.bytes, self.since) = (0, 0, None);
        let input_id = self.next;
        self.next += 1;
        // Its ids are the host's own and grow, so this is always taken.
        let id = self.hub.offer(self.seat, input_id, PartitionStates::new()).ok()?;
        let from = self.several.then(|| self.hub.seats[self.seat].name.clone());
        let line = Control::Checkpoint(Checkpoint { id, from, ..Checkpoint::default() });
        Some(Piece::Checkpoint { text: Text::Own(line.to_line().into_bytes()), id })
    }

    /// How its process ends says so.
    fn has_ended(&self) -> bool {
        false
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + AGE)
    }
}
