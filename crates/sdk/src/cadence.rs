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
}

impl Clock {
    pub(crate) fn new(cadence: Cadence) -> Self {
        Self { cadence, lines: 0, bytes: 0, since: Instant::now() }
    }

    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) {
        self.lines += 1;
        self.bytes += bytes as u64;
    }

    /// The cheap questions first: this is asked as often as a source has a safe point.
    pub(crate) fn is_due(&self) -> bool {
        self.lines >= self.cadence.lines
            || self.bytes >= self.cadence.bytes
            || self.since.elapsed() >= self.cadence.time
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
