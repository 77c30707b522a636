//! What tests do to a server: faults, delays, the clock, counters.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::SqlError;
use crate::value::Clock7;

/// The server's clock: the machine's, moved by tests.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    moved_nanos: AtomicI64,
    last: AtomicI64,
}

impl Clock {
    /// It never stands still, so that the order of commits can be seen.
    pub(crate) fn now(&self) -> Clock7 {
        let real = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as i64);
        let now = real + self.moved_nanos.load(Ordering::Relaxed);
        Clock7::from_unix_nanos(i128::from(self.last.fetch_max(now, Ordering::Relaxed).max(now)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.moved_nanos.fetch_add(by.as_nanos() as i64, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Fault {
    text: String,
    skip: u64,
    what: What,
}

/// What becomes of a statement.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Error(SqlError),
    Disconnect,
}

/// Faults to come, and delays.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Mutex<Vec<Fault>>,
    delay_ms: AtomicU64,
    row_delay_us: AtomicU64,
}

impl Faults {
    /// At the `nth` statement, from one, that contains `text`.
    pub(crate) fn add(&self, text: &str, nth: u64, what: What) {
        let fault = Fault { text: text.to_lowercase(), skip: nth.saturating_sub(1), what };
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// The fault that hits this statement; it hits once.
    pub(crate) fn hit(&self, statement: &str) -> Option<What> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() {
            return None;
        }
        let statement = statement.to_lowercase();
        let mut hit = None;
        faults.retain_mut(|fault| {
            if hit.is_some() || !statement.contains(&fault.text) {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            hit = Some(fault.what.clone());
            false
        });
        hit
    }

    pub(crate) fn clear(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.set_delay(Duration::ZERO);
        self.set_row_delay(Duration::ZERO);
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn set_row_delay(&self, delay: Duration) {
        self.row_delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
    }

    pub(crate) fn row_delay(&self) -> Duration {
        Duration::from_micros(self.row_delay_us.load(Ordering::Relaxed))
    }
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Statements executed.
    pub statements: u64,
    /// Rows sent.
    pub rows: u64,
    /// Requests that were cancelled by an attention.
    pub attentions: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    connections: AtomicU64,
    logins: AtomicU64,
    statements: AtomicU64,
    rows: AtomicU64,
    attentions: AtomicU64,
}

impl Counters {
    pub(crate) fn connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn login(&self) {
        self.logins.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rows(&self, n: u64) {
        self.rows.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn attention(&self) {
        self.attentions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: get(&self.connections),
            logins: get(&self.logins),
            statements: get(&self.statements),
            rows: get(&self.rows),
            attentions: get(&self.attentions),
        }
    }
}
