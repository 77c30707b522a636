//! Locks: one owner a table, held to the end of the transaction. Readers take none.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Result, SqlError};

#[derive(Debug, Default)]
struct Held {
    owners: HashMap<i32, u64>,
    /// Who waits for what.
    waiting: HashMap<u64, i32>,
}

impl Held {
    /// Would waiting for `table` close a circle?
    fn deadlock(&self, transaction: u64, table: i32) -> bool {
        let mut table = table;
        loop {
            let Some(owner) = self.owners.get(&table) else { return false };
            if *owner == transaction {
                return true;
            }
            match self.waiting.get(owner) {
                Some(next) => table = *next,
                None => return false,
            }
        }
    }
}

/// How long a transaction is ready to wait.
pub(crate) struct Wait<'a> {
    /// `SET LOCK_TIMEOUT`; `None` is for ever.
    pub most: Option<Duration>,
    pub cancelled: &'a dyn Fn() -> bool,
}

#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: Mutex<Held>,
    freed: Condvar,
}

impl Locks {
    /// # Errors
    /// 1205: a deadlock, and this transaction is its victim. 1222: the time is over.
    pub(crate) fn take(&self, transaction: u64, table: i32, wait: &Wait<'_>) -> Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        loop {
            match held.owners.get(&table) {
                None => break,
                Some(owner) if *owner == transaction => return Ok(()),
                Some(_) => {}
            }
            if held.deadlock(transaction, table) {
                return Err(deadlock(transaction));
            }
            if wait.most.is_some_and(|most| begun.elapsed() >= most) {
                held.waiting.remove(&transaction);
                return Err(SqlError::new(1222, "Lock request time out period exceeded."));
            }
            if (wait.cancelled)() {
                held.waiting.remove(&transaction);
                return Err(SqlError::cancelled());
            }
            held.waiting.insert(transaction, table);
            held = self
                .freed
                .wait_timeout(held, Duration::from_millis(20))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        held.waiting.remove(&transaction);
        held.owners.insert(table, transaction);
        Ok(())
    }

    /// Whose lock this transaction waits for.
    pub(crate) fn blocker(&self, transaction: u64) -> Option<u64> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.owners.get(held.waiting.get(&transaction)?).copied()
    }

    pub(crate) fn release(&self, transaction: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.owners.retain(|_, owner| *owner != transaction);
        held.waiting.remove(&transaction);
        self.freed.notify_all();
    }
}

/// Error 1205.
pub(crate) fn deadlock(process: u64) -> SqlError {
    SqlError::new(1205, format!("Transaction (Process ID {process}) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.")).class(13)
}
