//! What a run tells: events, and counts over all of its attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::event::{Event, EventKind, EventSink, Totals, VERSION};

/// Says what happens.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) sink: Arc<dyn EventSink>,
}

impl Reporter {
    pub(crate) fn emit(&self, kind: EventKind) {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let (run, task) = (self.run.clone(), self.task.clone());
        self.sink.emit(&Event { v: VERSION, at, run, task, kind });
    }

    pub(crate) fn warn(&self, provider: Option<&str>, message: impl Into<String>) {
        let provider = provider.map(str::to_owned);
        self.emit(EventKind::Warning { provider, message: message.into() });
    }
}

/// Counts over all attempts of one run.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) read: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) saved: AtomicU64,
    begin: Instant,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            read: zero(),
            bytes: zero(),
            written: zero(),
            filtered: zero(),
            rejected: zero(),
            dropped: zero(),
            saved: zero(),
            begin: Instant::now(),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            read: self.read.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            written: self.written.load(Relaxed),
            filtered: self.filtered.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            saved: self.saved.load(Relaxed),
            uncommitted: 0,
            checkpoint_age_ms: 0,
            elapsed_ms: millis(self.begin),
        }
    }
}

pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
