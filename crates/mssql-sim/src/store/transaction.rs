//! A transaction: private copies of what it writes, and the changes for the log.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Catalog, Lsn, Row, State, TableData, TableDef};
use crate::value::Clock7;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
    Snapshot,
}

/// A change of a row, as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub table: Arc<TableDef>,
    pub before: Option<Row>,
    pub after: Option<Row>,
    /// Delete and insert, although it was an UPDATE: a deferred update. Both have one seqval.
    pub deferred: bool,
    pub seqval: Lsn,
    pub command: i32,
}

/// What a rollback to a savepoint restores.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    data: HashMap<i32, TableData>,
    catalogs: HashMap<i32, Arc<Catalog>>,
    changes: HashMap<i32, usize>,
}

#[derive(Debug)]
pub(crate) struct Transaction {
    pub id: u64,
    pub begin: Clock7,
    /// By table.
    pub data: HashMap<i32, TableData>,
    /// By database, where there was DDL.
    pub catalogs: HashMap<i32, Arc<Catalog>>,
    /// By database.
    pub changes: HashMap<i32, Vec<Change>>,
    /// To which database a table belongs.
    pub homes: HashMap<i32, i32>,
    pub savepoints: Vec<(String, Mark)>,
    /// By database, for SNAPSHOT.
    pub snapshots: HashMap<i32, Arc<State>>,
    /// Begun by BEGIN TRAN, not by a statement of its own.
    pub explicit: bool,
    /// `@@TRANCOUNT`.
    pub depth: u32,
    /// XACT_STATE() is -1: nothing but ROLLBACK is possible.
    pub doomed: bool,
    /// The last `__$command_id`.
    pub command: i32,
}

impl Transaction {
    pub(crate) fn new(id: u64, begin: Clock7, explicit: bool) -> Self {
        Self {
            id,
            begin,
            data: HashMap::new(),
            catalogs: HashMap::new(),
            changes: HashMap::new(),
            homes: HashMap::new(),
            savepoints: Vec::new(),
            snapshots: HashMap::new(),
            explicit,
            depth: 1,
            doomed: false,
            command: 0,
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            data: self.data.clone(),
            catalogs: self.catalogs.clone(),
            changes: self.changes.iter().map(|(db, changes)| (*db, changes.len())).collect(),
        }
    }

    /// Forgets what was done since; the locks stay.
    pub(crate) fn return_to(&mut self, mark: &Mark) {
        for (id, data) in &mut self.data {
            if let Some(before) = mark.data.get(id) {
                *data = before.clone();
            }
        }
        // A table that was first written since is read anew; its lock is still held.
        self.data.retain(|id, _| mark.data.contains_key(id));
        self.catalogs = mark.catalogs.clone();
        for (db, changes) in &mut self.changes {
            changes.truncate(mark.changes.get(db).copied().unwrap_or(0));
        }
    }
}
