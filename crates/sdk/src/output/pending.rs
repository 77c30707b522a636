//! What was written and is not committed, and when it should be.

use std::time::{Duration, Instant};

use dstream_protocol::{Checkpoint, Rejected, SourceStates};

use crate::Commit;

/// The shortest time between two commits while there is nothing to read.
const SHORTEST_GAP: Duration = Duration::from_millis(10);

/// Commits take at most about one part in this many of the time…
const SHARE: u32 = 5;

/// …and of more than this much there are fewer: a full load cares for throughput, not latency.
const BULK_BYTES: u64 = 8 << 20;
const BULK_SHARE: u32 = 25;

/// Limits of an output, from its trait and its command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) within: Duration,
    pub(super) bytes: u64,
    pub(super) envelopes: u64,
}

/// The newest closed checkpoint that is not committed.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    id: u64,
    /// When the oldest one that is not committed came.
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Pending {
    limits: Limits,
    waiting: Option<Waiting>,
    states: SourceStates,
    written: u64,
    rejected: u64,
    bytes: u64,
    /// Lines taken since the last checkpoint line.
    open: u64,
    /// A transactional output stores its rejections with the commit.
    kept: Vec<Rejected>,
    last_id: u64,
    last_end: Instant,
    last_took: Duration,
}

impl Pending {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: None,
            states: SourceStates::new(),
            written: 0,
            rejected: 0,
            bytes: 0,
            open: 0,
            kept: Vec::new(),
            last_id: 0,
            last_end: Instant::now(),
            last_took: Duration::ZERO,
        }
    }

    /// Data lines were read; they may be written later than the checkpoint behind them is noted.
    pub(super) fn took(&mut self, lines: u64) {
        self.open += lines;
    }

    pub(super) fn wrote(&mut self, written: u64, rejected: u64, bytes: u64) {
        self.written += written;
        self.rejected += rejected;
        self.bytes += bytes;
    }

    pub(super) fn keep(&mut self, rejected: Vec<Rejected>) {
        self.kept.extend(rejected);
    }

    /// A checkpoint closes what was written so far. `input`: whose it is where it does not say.
    pub(super) fn close(&mut self, checkpoint: Checkpoint, input: &str) {
        let input = checkpoint.from.unwrap_or_else(|| input.to_owned());
        if !checkpoint.state.is_empty() {
            self.states.entry(input).or_default().extend(checkpoint.state);
        }
        let since = self.waiting.map_or_else(Instant::now, |waiting| waiting.since);
        self.waiting = Some(Waiting { id: checkpoint.id, since });
        self.open = 0;
    }

    /// In version 1 there are no checkpoints: what was read is one.
    pub(super) fn close_implied(&mut self) {
        if self.open > 0 {
            let id = self.waiting.map_or(self.last_id, |waiting| waiting.id) + 1;
            self.close(Checkpoint { id, ..Checkpoint::default() }, "");
        }
    }

    /// Lines that no checkpoint follows yet.
    pub(super) fn open_lines(&self) -> u64 {
        self.open
    }

    /// When to commit if nothing more comes; `None`: there is nothing to commit.
    pub(super) fn idle_at(&self) -> Option<Instant> {
        let share = if self.bytes > BULK_BYTES { BULK_SHARE } else { SHARE };
        let gap = SHORTEST_GAP.max(self.last_took * share);
        let deadline = self.waiting?.since + self.deadline();
        Some(deadline.min(self.last_end + gap))
    }

    /// Whether to commit now. `drained`: there is nothing to read right now.
    pub(super) fn is_due(&self, drained: bool) -> bool {
        let Some(waiting) = self.waiting else { return false };
        let now = Instant::now();
        now >= waiting.since + self.deadline()
            || self.bytes >= self.limits.bytes
            || self.written >= self.limits.envelopes
            || (drained && self.idle_at().is_some_and(|at| now >= at))
    }

    /// Takes what a commit needs; `None`: there is nothing to commit.
    pub(super) fn take(&mut self) -> Option<(Commit, u64)> {
        let waiting = self.waiting.take()?;
        let commit = Commit {
            id: waiting.id,
            states: std::mem::take(&mut self.states),
            written: std::mem::take(&mut self.written),
            rejected: std::mem::take(&mut self.kept),
        };
        self.bytes = 0;
        self.last_id = waiting.id;
        Some((commit, std::mem::take(&mut self.rejected)))
    }

    pub(super) fn committed(&mut self, took: Duration) {
        self.last_took = took;
        self.last_end = Instant::now();
    }

    /// A quarter of the time that the host gives is for the commit itself.
    fn deadline(&self) -> Duration {
        self.limits.within * 3 / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(within: Duration) -> Pending {
        Pending::new(Limits { within, bytes: 1000, envelopes: 10 })
    }

    fn checkpoint(id: u64) -> Checkpoint {
        Checkpoint { id, ..Checkpoint::default() }
    }

    #[test]
    fn an_empty_checkpoint_is_committed_as_well() {
        let mut pending = pending(Duration::ZERO);
        assert!(!pending.is_due(true));
        pending.close(checkpoint(1), "in");
        assert!(pending.is_due(false));
        assert_eq!(pending.take().unwrap().0.id, 1);
        assert!(pending.take().is_none());
    }

    #[test]
    fn a_busy_output_commits_by_amount_and_not_before_something_is_closed() {
        let mut pending = pending(Duration::from_secs(60));
        pending.wrote(10, 0, 10);
        assert!(!pending.is_due(false));
        pending.close(checkpoint(1), "in");
        assert!(pending.is_due(false));
    }

    #[test]
    fn a_slow_commit_makes_the_next_one_wait() {
        let mut pending = pending(Duration::from_secs(60));
        pending.committed(Duration::from_secs(1));
        pending.close(checkpoint(1), "in");
        assert!(!pending.is_due(true));
        assert!(pending.idle_at().unwrap() > Instant::now() + Duration::from_secs(4));
    }

    #[test]
    fn much_is_gathered_for_longer_than_little() {
        let gap = |bytes| {
            let mut pending = Pending::new(Limits {
                within: Duration::from_secs(60),
                bytes: u64::MAX,
                envelopes: u64::MAX,
            });
            pending.committed(Duration::from_millis(100));
            pending.wrote(1, 0, bytes);
            pending.close(checkpoint(1), "in");
            pending.idle_at().unwrap() - Instant::now()
        };
        assert!(gap(1) < Duration::from_millis(501));
        assert!(gap(BULK_BYTES + 1) > Duration::from_secs(2));
    }

    #[test]
    fn a_commit_takes_every_interval_before_it_and_the_newest_states() {
        let mut pending = pending(Duration::ZERO);
        let state = |n: u64| serde_json::value::to_raw_value(&n).unwrap();
        for id in 1..=2 {
            pending.wrote(3, 1, 10);
            let state = [("".into(), state(id))].into();
            pending.close(Checkpoint { id, state, ..Checkpoint::default() }, "orders");
        }
        let (commit, rejected) = pending.take().unwrap();
        assert_eq!((commit.id, commit.written, rejected), (2, 6, 2));
        assert_eq!(commit.states["orders"][""].get(), "2");
    }
}
