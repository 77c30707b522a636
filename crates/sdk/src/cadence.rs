//! How often an input's checkpoints are sent.

use std::time::{Duration, Instant};

/// A checkpoint that was offered is sent when one of these is reached since the last one that was.
///
/// A checkpoint costs the host a save and the output a commit at most; both gather several, so the
/// default is frequent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Data lines.
    pub lines: u64,
    /// Bytes of data lines.
    pub bytes: u64,
    /// Time.
    pub time: Duration,
}

impl Cadence {
    /// 10,000 lines, 1 MiB or 100 ms.
    pub const DEFAULT: Self =
        Self { lines: 10_000, bytes: 1 << 20, time: Duration::from_millis(100) };

    /// Every one that is offered.
    pub const ALWAYS: Self = Self { lines: 0, bytes: 0, time: Duration::ZERO };
}

/// Counts since the last checkpoint line.
#[derive(Debug)]
pub(crate) struct Clock {
    cadence: Cadence,
    lines: u64,
    bytes: u64,
    since: Instant,
    asked: u32,
}

impl Clock {
    pub(crate) fn new(cadence: Cadence) -> Self {
        Self { cadence, lines: 0, bytes: 0, since: Instant::now(), asked: 0 }
    }

    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) {
        self.lines += 1;
        self.bytes += bytes as u64;
    }

    /// Whether a checkpoint that was offered is to be sent.
    pub(crate) fn is_due(&self) -> bool {
        self.lines >= self.cadence.lines
            || self.bytes >= self.cadence.bytes
            || self.since.elapsed() >= self.cadence.time
    }

    /// The same inside a batch, where nothing is sent before its end: the clock, which costs more
    /// than all the rest of an offer, is asked only now and then.
    #[inline]
    pub(crate) fn is_due_in_batch(&mut self) -> bool {
        self.asked = self.asked.wrapping_add(1);
        self.lines >= self.cadence.lines
            || self.bytes >= self.cadence.bytes
            || (self.asked.is_multiple_of(16) && self.is_due())
    }

    /// How long until it is due by time alone.
    pub(crate) fn due_in(&self) -> Duration {
        self.cadence.time.saturating_sub(self.since.elapsed())
    }

    /// Data lines since the last checkpoint line.
    pub(crate) fn open_lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.cadence);
    }
}
