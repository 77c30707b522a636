//! Log sequence numbers, and the log that the capture agent reads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Change;
use crate::value::Clock7;

/// A log sequence number. Ten bytes: virtual log file, block, slot, as in
/// <https://learn.microsoft.com/en-us/sql/relational-databases/sql-server-transaction-log-architecture-and-management-guide#Logical_Arch>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Lsn(pub [u8; 10]);

impl Lsn {
    pub(crate) const ZERO: Self = Self([0; 10]);

    fn of(n: u64) -> Self {
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&(0x2B + (n >> 40) as u32).to_be_bytes());
        bytes[4..8].copy_from_slice(&((n >> 8) as u32).to_be_bytes());
        bytes[8..].copy_from_slice(&((n & 0xFF) as u16 + 1).to_be_bytes());
        Self(bytes)
    }

    /// Shorter ones are filled with zeros at the right, as binary(10) is.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut all = [0; 10];
        let n = bytes.len().min(10);
        all[..n].copy_from_slice(&bytes[..n]);
        Self(all)
    }

    pub(crate) fn plus(self, step: i8) -> Self {
        let mut n = self.0.iter().fold(0_u128, |n, b| n << 8 | u128::from(*b));
        n = if step > 0 { n.wrapping_add(1) } else { n.wrapping_sub(1) };
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&n.to_be_bytes()[6..]);
        Self(bytes)
    }
}

/// Hands out numbers; each is greater than all before.
#[derive(Debug)]
pub(crate) struct LsnSource(AtomicU64);

impl Default for LsnSource {
    fn default() -> Self {
        Self(AtomicU64::new(0x0001_8000))
    }
}

impl LsnSource {
    /// For a record within a transaction.
    pub(crate) fn record(&self) -> Lsn {
        Lsn::of(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// For a commit: the next record begins a new block.
    pub(crate) fn commit(&self) -> Lsn {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        self.0.fetch_max((n | 0xFF) + 0x0F01, Ordering::Relaxed);
        Lsn::of(n)
    }
}

/// What the capture agent finds in the log.
#[derive(Debug)]
pub(crate) enum LogItem {
    Transaction {
        commit: Lsn,
        begin: Clock7,
        end: Clock7,
        id: u64,
        changes: Vec<Change>,
    },
    /// A capture instance was made: its `start_lsn` is known once the agent has come here.
    Enabled {
        instance: String,
        lsn: Lsn,
    },
    Ddl {
        table: i32,
        command: String,
        lsn: Lsn,
        at: Clock7,
        column_changed: bool,
    },
}

/// The log that has not been captured yet.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub items: VecDeque<LogItem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsns_grow_and_their_increment_lies_before_the_next_one() {
        let source = LsnSource::default();
        let mut last = source.commit();
        for i in 0..2000 {
            let next = if i % 7 == 0 { source.commit() } else { source.record() };
            assert!(next > last);
            assert!(last.plus(1) <= next);
            assert_eq!(last.plus(1).plus(-1), last);
            last = next;
        }
    }
}
