//! Who is connected, as `sys.dm_exec_sessions` and `sys.dm_exec_requests` show it, and KILL.
//! <https://learn.microsoft.com/en-us/sql/relational-databases/system-dynamic-management-views/sys-dm-exec-sessions-transact-sql>
//! <https://learn.microsoft.com/en-us/sql/t-sql/language-elements/kill-transact-sql>

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::value::Clock7;

/// What others see of a session.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub login: String,
    pub host: String,
    pub program: String,
    pub now: Mutex<Now>,
    /// The transaction that it waits in, or has open.
    pub transaction: AtomicU64,
    /// Something runs.
    pub busy: AtomicBool,
    /// Ends the connection.
    pub kill: Arc<Notify>,
    /// Ends what runs.
    pub cancel: Arc<AtomicBool>,
}

/// What it was at the end of its last request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Now {
    pub database: String,
    pub ended: Clock7,
    pub open_transactions: u32,
}

impl Seen {
    pub(crate) fn now(&self) -> Now {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn rests(&self, now: Now) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.busy.store(false, Ordering::Relaxed);
    }
}

/// All that are connected, by number.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<u64, Arc<Seen>>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seen>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, number: u64, seen: Arc<Seen>) {
        self.all().insert(number, seen);
    }

    pub(crate) fn remove(&self, number: u64) {
        self.all().remove(&number);
    }

    pub(crate) fn list(&self) -> Vec<(u64, Arc<Seen>)> {
        self.all().iter().map(|(number, seen)| (*number, seen.clone())).collect()
    }

    /// Whether there was one.
    pub(crate) fn kill(&self, number: u64) -> bool {
        let found = self.all().get(&number).cloned();
        if let Some(seen) = &found {
            // First this: what the session would say of being cancelled goes nowhere.
            seen.kill.notify_one();
            seen.cancel.store(true, Ordering::Relaxed);
        }
        found.is_some()
    }
}
