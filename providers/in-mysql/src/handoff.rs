//! The tables' snapshots: what is read, and which changes of the log are part of it.

use std::collections::{BTreeMap, BTreeSet};

use dstream_cdc::{Change, Era, TableState, Verdict};
use dstream_sdk::tracing;

use crate::position::Position;
use crate::state::State;

/// The state of each table, by its stream's name.
#[derive(Debug, Default)]
pub(crate) struct Handoff {
    tables: BTreeMap<String, TableState<Position>>,
    /// What has changed since it was last offered.
    moved: BTreeSet<String>,
    /// Whether any table is not done.
    open: bool,
}

impl Handoff {
    pub(crate) fn new(tables: BTreeMap<String, TableState<Position>>) -> Self {
        let open = tables.values().any(|table| !table.done);
        Self { tables, moved: BTreeSet::new(), open }
    }

    pub(crate) fn insert(&mut self, stream: &str, state: TableState<Position>) {
        self.open |= !state.done;
        self.tables.insert(stream.to_owned(), state);
        self.moved.insert(stream.to_owned());
    }

    pub(crate) fn get(&self, stream: &str) -> Option<&TableState<Position>> {
        self.tables.get(stream)
    }

    /// For a change of what was read; it is offered with the next checkpoint.
    pub(crate) fn get_mut(&mut self, stream: &str) -> Option<&mut TableState<Position>> {
        self.moved.insert(stream.to_owned());
        self.tables.get_mut(stream)
    }

    /// The streams whose tables are not read yet.
    pub(crate) fn unread(&self) -> Vec<String> {
        let unread = self.tables.iter().filter(|(_, table)| !table.is_read());
        unread.map(|(stream, _)| stream.clone()).collect()
    }

    /// How a transaction that begins at `start` stands to a table. A table that is not known here
    /// was made, or came to be meant, while the log was followed.
    pub(crate) fn era(&mut self, stream: &str, start: &Position) -> Era {
        if !self.open && self.tables.contains_key(stream) {
            return Era::After;
        }
        match self.tables.get(stream) {
            Some(table) => table.era(start),
            None => {
                self.insert(stream, TableState::done());
                Era::After
            }
        }
    }

    pub(crate) fn judge(&self, stream: &str, start: &Position, change: Change<'_>) -> Verdict {
        let Some(table) = self.tables.get(stream) else { return Verdict::Apply };
        if table.key.is_empty() {
            // Read as one: a table without a usable key has no parts.
            return match table.last_point() {
                Some(point) if start < point => Verdict::Drop,
                _ => Verdict::Apply,
            };
        }
        table.judge(start, change)
    }

    /// A truncate. Answers whether it is to be handed on; the table is read again where it fell
    /// between two parts.
    pub(crate) fn truncate(&mut self, stream: &str, start: &Position) -> bool {
        if self.era(stream, start) == Era::After {
            return true;
        }
        match self.judge(stream, start, Change::Truncate) {
            Verdict::Drop => false,
            Verdict::Again => {
                tracing::info!(stream, "truncated between two parts of its snapshot: read again");
                if let Some(table) = self.get_mut(stream) {
                    table.restart();
                }
                true
            }
            _ => true,
        }
    }

    /// The log was read up to here.
    pub(crate) fn pass(&mut self, position: &Position) {
        if !self.open {
            return;
        }
        for (stream, table) in &mut self.tables {
            if table.pass(position) {
                self.moved.insert(stream.clone());
            }
        }
        self.open = self.tables.values().any(|table| !table.done);
    }

    /// The states that have changed since this was last asked.
    pub(crate) fn take_moved(&mut self) -> Vec<(String, State)> {
        let moved = std::mem::take(&mut self.moved).into_iter();
        let states = moved.filter_map(|stream| {
            let state = State::Table(self.tables.get(&stream)?.clone());
            Some((stream, state))
        });
        states.collect()
    }
}
