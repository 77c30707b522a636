//! Folds a batch: what is left of its changes when only the last state of each key counts. A
//! database that merges sets of rows then writes each row once, and in any order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use dstream_sdk::row::Cell;

use crate::batch::{Batch, Change};
use crate::collect::content;

/// Sets with no key in common, to be written in the order of the fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merge {
    /// First of all, every row is gone; with the time, where deletes are soft.
    pub(crate) clear: Option<Option<usize>>,
    /// Keys of rows that are gone; those with a time stay in the table, and get it.
    pub(crate) deletes: Vec<(usize, Option<usize>)>,
    /// Whole rows.
    pub(crate) puts: Vec<usize>,
    /// Rows that get some values, by the set of columns that they do not get.
    pub(crate) patches: Vec<Patch>,
}

/// Rows that get the same columns. A row that is not there is made, with null for the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// The columns that they do not get.
    pub(crate) unchanged: usize,
    /// The rows.
    pub(crate) rows: Vec<usize>,
}

/// What is to be done, one after another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sets of rows.
    Merge(Merge),
    /// The row with this key gets another one, and keeps the columns that were not sent.
    Move {
        /// The key that it has.
        key: usize,
        /// The values, with the new key.
        row: usize,
        /// The columns that were not sent.
        unchanged: usize,
    },
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
enum State {
    Put(usize),
    Patch { row: usize, unchanged: usize },
    Gone { key: usize, at: Option<usize> },
}

struct Fold<'f, 'a> {
    batch: &'f mut Batch<'a>,
    key_at: &'f [usize],
    deleted_at: Option<usize>,
    /// The table has no rows but those that are known here.
    clear: Option<Option<usize>>,
    known: HashMap<Cow<'a, str>, State>,
    /// The keys in the order of their first change, so that a replay does the same.
    order: Vec<Cow<'a, str>>,
    steps: Vec<Step>,
}

/// Folds a batch of changes to a table whose key stands at `key_at` in its rows. `deleted_at`:
/// where `_deleted_at` stands, if deletes are soft. Partial updates of a row that the batch holds
/// are completed in it, so rows may be added.
pub(crate) fn fold(
    batch: &mut Batch<'_>,
    key_at: &[usize],
    deleted_at: Option<usize>,
) -> Vec<Step> {
    let mut fold = Fold {
        key_at,
        deleted_at,
        clear: None,
        known: HashMap::with_capacity(batch.changes().len()),
        order: Vec::with_capacity(batch.changes().len()),
        steps: Vec::new(),
        batch,
    };
    for at in 0..fold.batch.changes().len() {
        let (change, _) = fold.batch.changes()[at];
        fold.take(change);
    }
    fold.flush();
    fold.steps
}

impl<'a> Fold<'_, 'a> {
    fn take(&mut self, change: Change) {
        match change {
            Change::Put { row } => {
                let key = self.key_of_row(row);
                self.set(key, State::Put(row));
            }
            Change::Delete { key, at } => self.delete(key, at),
            Change::Clear { at } => {
                // Where deletes are soft, the rows stay.
                if self.deleted_at.is_some() {
                    self.flush();
                }
                self.known.clear();
                self.order.clear();
                self.clear = Some(at);
            }
            Change::Patch { key, row, unchanged } => {
                let (old, new) =
                    (joined(self.batch.key(key).iter().copied()), self.key_of_row(row));
                match old == new {
                    true => self.patch(new, row, unchanged),
                    false => self.rename((key, old), new, row, unchanged),
                }
            }
        }
    }

    fn set(&mut self, key: Cow<'a, str>, state: State) {
        match self.known.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() = state,
            Entry::Vacant(free) => {
                self.order.push(free.key().clone());
                free.insert(state);
            }
        }
    }

    fn delete(&mut self, key: usize, at: Option<usize>) {
        let name = joined(self.batch.key(key).iter().copied());
        let known = self.known.get(&name).copied();
        match (known, self.deleted_at) {
            // The row is in this batch, and stays, with the time.
            (Some(State::Put(row) | State::Patch { row, .. }), Some(column)) => {
                let time = self.batch.time(at);
                self.batch.set_cell(row, column, time);
            }
            _ => self.set(name, State::Gone { key, at }),
        }
    }

    /// Some values of a row.
    fn patch(&mut self, key: Cow<'a, str>, row: usize, unchanged: usize) {
        let state = match self.known.get(&key).copied() {
            Some(State::Put(before)) => {
                let nothing = self.batch.set_of(Vec::new());
                State::Put(self.merged((before, nothing), (row, unchanged)).0)
            }
            Some(State::Patch { row: before, unchanged: kept }) => {
                match self.merged((before, kept), (row, unchanged)) {
                    (row, 0) => State::Put(row),
                    (row, unchanged) => State::Patch { row, unchanged },
                }
            }
            // Only a soft delete has left something to keep.
            Some(State::Gone { .. }) if self.deleted_at.is_none() => self.completed(row, unchanged),
            None if self.clear.is_some() && self.deleted_at.is_none() => {
                self.completed(row, unchanged)
            }
            _ => State::Patch { row, unchanged },
        };
        self.set(key, state);
    }

    /// Another key.
    fn rename(
        &mut self,
        (key, old): (usize, Cow<'a, str>),
        new: Cow<'a, str>,
        row: usize,
        unchanged: usize,
    ) {
        let state = match self.known.get(&old).copied() {
            _ if unchanged == 0 => State::Put(row),
            Some(State::Put(before)) => State::Put(self.merged((before, 0), (row, unchanged)).0),
            // What the row keeps is known to the table alone.
            _ => {
                self.flush();
                return self.steps.push(Step::Move { key, row, unchanged });
            }
        };
        // Also where deletes are soft, a row that moved leaves nothing behind.
        self.set(old, State::Gone { key, at: None });
        self.set(new, state);
    }

    /// The second row over the first, and what neither has.
    fn merged(
        &mut self,
        (before, kept): (usize, usize),
        (row, unchanged): (usize, usize),
    ) -> (usize, usize) {
        let from_before: Vec<_> = self.batch.unchanged(unchanged).to_vec();
        let mut cells = self.batch.row(row).to_vec();
        for at in &from_before {
            cells[*at] = self.batch.row(before)[*at];
        }
        let kept = self.batch.unchanged(kept);
        let neither = from_before.into_iter().filter(|at| kept.contains(at)).collect();
        (self.batch.push_row(cells), self.batch.set_of(neither))
    }

    /// The row with null for what was not sent.
    fn completed(&mut self, row: usize, unchanged: usize) -> State {
        let mut cells = self.batch.row(row).to_vec();
        for at in self.batch.unchanged(unchanged) {
            cells[*at] = None;
        }
        State::Put(self.batch.push_row(cells))
    }

    /// Makes a step of what is known.
    fn flush(&mut self) {
        let mut merge = Merge { clear: self.clear.take(), ..Merge::default() };
        for key in self.order.drain(..) {
            match self.known.remove(&key) {
                Some(State::Put(row)) => merge.puts.push(row),
                Some(State::Gone { key, at }) => merge.deletes.push((key, at)),
                Some(State::Patch { row, unchanged }) => {
                    match merge.patches.iter_mut().find(|patch| patch.unchanged == unchanged) {
                        Some(patch) => patch.rows.push(row),
                        None => merge.patches.push(Patch { unchanged, rows: vec![row] }),
                    }
                }
                None => {}
            }
        }
        if merge != Merge::default() {
            self.steps.push(Step::Merge(merge));
        }
    }

    fn key_of_row(&self, row: usize) -> Cow<'a, str> {
        joined(self.key_at.iter().filter_map(|at| self.batch.row(row)[*at]))
    }
}

/// A key as one text; each part of several with its length.
fn joined<'a>(cells: impl Iterator<Item = Cell<'a>> + Clone) -> Cow<'a, str> {
    let mut all = cells.clone();
    if let (Some(only), None) = (all.next(), all.next()) {
        return content(only);
    }
    let mut text = String::new();
    for cell in cells {
        let part = content(cell);
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(&part);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
