//! Which changes of the log are part of the snapshot already.

use crate::{Key, Position, TableState};

/// A change of one table, by the keys that it touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'k> {
    /// A row came.
    Insert(&'k Key),
    /// A row changed, and perhaps its key.
    Update {
        /// The key before.
        old: &'k Key,
        /// The key after.
        new: &'k Key,
    },
    /// A row went.
    Delete(&'k Key),
    /// All rows went.
    Truncate,
}

/// What to do with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It comes after what was read: hand it on.
    Apply,
    /// It is part of what was read: leave it out.
    Drop,
    /// An update that moved a row out of a part that was read later into one that was read before:
    /// the row was in neither. Hand the new row on as an insert.
    Insert,
    /// The other way round: the row was read under both keys. Hand on the delete of the old one.
    Delete,
    /// A truncate that falls between the points of two parts: neither order is right. Hand it on,
    /// then [`restart`](TableState::restart) the table and read it again.
    Again,
}

/// How a transaction stands to a table's snapshot as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Every part that was read holds it: leave its changes out.
    Before,
    /// Some parts hold it: ask [`judge`](TableState::judge) about each change.
    Between,
    /// No part holds it: hand its changes on.
    After,
}

impl<P: Position> TableState<P> {
    /// Judges a whole transaction, committed at `position`, without a look at keys: nearly always
    /// enough.
    pub fn era(&self, position: &P) -> Era {
        let (Some(first), Some(last)) = (self.first_point(), self.last_point()) else {
            return if self.done { Era::After } else { Era::Before };
        };
        if position < first {
            Era::Before
        } else if position >= last && self.is_read() {
            Era::After
        } else {
            Era::Between
        }
    }

    /// Judges one change of a transaction that was committed at `position`.
    pub fn judge(&self, position: &P, change: Change<'_>) -> Verdict {
        match (self.era(position), change) {
            (Era::Before, _) => Verdict::Drop,
            (Era::After, _) => Verdict::Apply,
            (Era::Between, Change::Truncate) => Verdict::Again,
            (Era::Between, Change::Insert(key) | Change::Delete(key)) => {
                if self.was_read(key, position) { Verdict::Drop } else { Verdict::Apply }
            }
            (Era::Between, Change::Update { old, new }) => {
                match (self.was_read(old, position), self.was_read(new, position)) {
                    (false, false) => Verdict::Apply,
                    (true, true) => Verdict::Drop,
                    (true, false) => Verdict::Insert,
                    (false, true) => Verdict::Delete,
                }
            }
        }
    }

    /// Whether the part that holds the key was read with what was committed at `position`. A part
    /// that was not read yet will be.
    fn was_read(&self, key: &Key, position: &P) -> bool {
        self.read_at(key).is_none_or(|at| position < at)
    }
}
