//! BEGIN, COMMIT, ROLLBACK, SAVE; locks; what a commit does to the databases and their logs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlparser::ast::{Query, SetExpr, TableFactor, TableWithJoins};

use super::{Found, Session};
use crate::cdc;
use crate::error::{Result, SqlError};
use crate::sql::syntax::Name;
use crate::store::{Isolation, LogItem, State, TableData, Transaction, Wait};

impl Session {
    fn show_depth(&self) {
        self.core
            .depth
            .set(self.transaction.as_ref().filter(|t| t.explicit).map_or(0, |t| t.depth));
        self.core.doomed.set(self.transaction.as_ref().is_some_and(|t| t.doomed));
    }

    pub(super) fn begin(&mut self) {
        if let Some(transaction) = self.transaction.as_mut().filter(|t| t.explicit) {
            transaction.depth += 1;
        } else {
            let id = self.server().next();
            self.transaction = Some(Transaction::new(id, self.server().clock.now(), true));
            self.tokens.env_transaction(8, id);
        }
        self.show_depth();
        self.tokens.statement_done(None, false, false);
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        let Some(transaction) = self.transaction.as_mut().filter(|t| t.explicit) else {
            return Err(SqlError::new(
                3902,
                "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            ));
        };
        if transaction.doomed {
            return Err(doomed());
        }
        transaction.depth -= 1;
        if transaction.depth == 0 {
            let id = transaction.id;
            self.publish()?;
            self.tokens.env_transaction(9, id);
        }
        self.show_depth();
        self.tokens.statement_done(None, false, false);
        Ok(())
    }

    /// All of it, or to a savepoint.
    pub(super) fn rollback(&mut self, name: Option<&str>) -> Result<()> {
        let Some(transaction) = self.transaction.as_mut().filter(|t| t.explicit) else {
            return Err(SqlError::new(
                3903,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            ));
        };
        let saved = name.and_then(|name| {
            transaction.savepoints.iter().rposition(|(n, _)| n.eq_ignore_ascii_case(name))
        });
        if let Some(at) = saved {
            if transaction.doomed {
                return Err(SqlError::new(
                    3931,
                    "The current transaction cannot be committed and cannot be rolled back to a savepoint. Roll back the entire transaction.",
                ));
            }
            let mark = transaction.savepoints[at].1.clone();
            transaction.savepoints.truncate(at + 1);
            transaction.return_to(&mark);
        } else {
            self.abandon();
        }
        self.tokens.statement_done(None, false, false);
        Ok(())
    }

    pub(super) fn save(&mut self, name: &str) -> Result<()> {
        let Some(transaction) = self.transaction.as_mut().filter(|t| t.explicit) else {
            return Err(SqlError::new(
                628,
                "Cannot issue SAVE TRANSACTION when there is no active transaction.",
            ));
        };
        let mark = transaction.mark();
        transaction.savepoints.push((name.to_owned(), mark));
        self.tokens.statement_done(None, false, false);
        Ok(())
    }

    /// Forgets the transaction and frees its locks.
    pub(super) fn abandon(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.server().locks.release(transaction.id);
            if transaction.explicit {
                self.tokens.env_transaction(10, transaction.id);
            }
        }
        self.show_depth();
    }

    pub(super) fn doom(&mut self) {
        if let Some(transaction) = self.transaction.as_mut().filter(|t| t.explicit) {
            transaction.doomed = true;
        }
        self.show_depth();
    }

    /// Makes the transaction's writes the present state, and tells the log.
    fn publish(&mut self) -> Result<()> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let server = self.server().clone();
        let mut world = server.world();
        let end = server.clock.now();
        for (database, catalog) in transaction.catalogs {
            if let Some(database) = world.by_id(database) {
                database.state_mut().catalog = catalog;
            }
        }
        for (table, data) in transaction.data {
            let home = transaction.homes.get(&table).copied().unwrap_or(0);
            if let Some(database) = world.by_id(home) {
                let state = database.state_mut();
                if state.catalog.by_id(table).is_some() {
                    state.data.insert(table, data);
                } else {
                    state.data.remove(&table);
                    cdc::drop_instances_of(state, table);
                }
            }
        }
        for (database, changes) in transaction.changes {
            let Some(database) = world.by_id(database).filter(|_| !changes.is_empty()) else {
                continue;
            };
            let commit = database.lsns.commit();
            database.log.items.push_back(LogItem::Transaction {
                commit,
                begin: transaction.begin,
                end,
                id: transaction.id,
                changes,
            });
            if database.captures() {
                cdc::capture(database, usize::MAX, server.options.unchanged_max_is_null);
            }
        }
        drop(world);
        server.locks.release(transaction.id);
        Ok(())
    }

    /// Runs a writing statement: whole or not at all, in a transaction of its own where none is open.
    pub(crate) fn writing<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.transaction.as_ref().is_some_and(|t| t.doomed) {
            return Err(doomed());
        }
        if self.transaction.is_none() {
            let id = self.server().next();
            self.transaction = Some(Transaction::new(id, self.server().clock.now(), false));
        }
        let mark = self.transaction.as_ref().map(Transaction::mark);
        let done = write(self);
        match &done {
            Ok(_) => self.end_statement_transaction()?,
            Err(_) => {
                if let (Some(transaction), Some(mark)) = (&mut self.transaction, &mark) {
                    transaction.return_to(mark);
                }
                if self.transaction.as_ref().is_some_and(|t| !t.explicit) {
                    self.abandon();
                }
            }
        }
        done
    }

    /// Commits what was begun for one statement only.
    pub(super) fn end_statement_transaction(&mut self) -> Result<()> {
        if self.transaction.as_ref().is_some_and(|t| !t.explicit) {
            self.publish()?;
        }
        self.show_depth();
        Ok(())
    }

    /// Waits for a lock of this transaction's.
    pub(crate) fn take_lock(&mut self, object: i32) -> Result<()> {
        let Some(transaction) = &self.transaction else { return Ok(()) };
        let most = match self.core.lock_timeout.get() {
            n if n < 0 => Some(Duration::from_millis(self.core.server.options.lock_timeout_ms)),
            n => Some(Duration::from_millis(n as u64)),
        };
        let cancelled = || self.tokens.cancelled();
        self.core.seen.borrow().transaction.store(transaction.id, Ordering::Relaxed);
        self.core.server.locks.take(transaction.id, object, &Wait { most, cancelled: &cancelled })
    }

    /// Locks a table and takes a copy of it to write to.
    pub(crate) fn lock_table(&mut self, found: &Found) -> Result<()> {
        self.take_lock(found.def.id)?;
        let home = found.database;
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        transaction.homes.insert(found.def.id, home);
        if transaction.data.contains_key(&found.def.id) {
            return Ok(());
        }
        let mut world = self.core.server.world();
        let data = world.by_id(home).and_then(|d| d.state.data.get(&found.def.id).cloned());
        let data = data.unwrap_or_else(|| TableData::with_uniques(found.def.uniques().count()));
        transaction.data.insert(found.def.id, data);
        Ok(())
    }

    /// UPDLOCK and its like, and the stricter isolation levels: the tables of a SELECT are locked.
    /// Says whether a transaction was begun for it.
    pub(super) fn lock_for_reading(&mut self, query: &Query) -> Result<bool> {
        let strict = matches!(self.isolation, Isolation::Serializable | Isolation::RepeatableRead)
            && self.transaction.is_some();
        let mut names = Vec::new();
        tables_of(&query.body, strict, &mut names);
        if names.is_empty() {
            return Ok(false);
        }
        let own = self.transaction.is_none();
        if own {
            let id = self.server().next();
            self.transaction = Some(Transaction::new(id, self.server().clock.now(), false));
        }
        for name in names {
            let found = self.context()?.find_table(&name)?.filter(|f| !f.def.shipped);
            if let Some(found) = found
                && let Err(error) = self.lock_table(&found)
            {
                if own {
                    self.abandon();
                }
                return Err(error);
            }
        }
        Ok(own)
    }

    /// In a SNAPSHOT transaction: has another one changed this row since?
    pub(crate) fn check_conflict(&self, found: &Found, key: &[u8]) -> Result<()> {
        let Some(snapshot) = self
            .transaction
            .as_ref()
            .filter(|_| self.isolation == Isolation::Snapshot)
            .and_then(|t| t.snapshots.get(&found.database))
        else {
            return Ok(());
        };
        let row =
            |state: &State| state.data.get(&found.def.id).and_then(|d| d.rows.get(key).cloned());
        let before = row(snapshot);
        let now = self.core.server.world().by_id(found.database).and_then(|d| row(&d.state));
        if before == now {
            return Ok(());
        }
        Err(SqlError::new(
            3960,
            format!(
                "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot isolation to access table '{}' directly or indirectly in database to update, delete, or insert the row that has been modified or deleted by another transaction.",
                found.def.full_name()
            ),
        ))
    }
}

fn doomed() -> SqlError {
    SqlError::new(
        3930,
        "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
    )
}

fn tables_of(body: &SetExpr, strict: bool, names: &mut Vec<Name>) {
    match body {
        SetExpr::Select(select) => {
            select.from.iter().for_each(|table| joined(table, strict, names))
        }
        SetExpr::Query(query) => tables_of(&query.body, strict, names),
        SetExpr::SetOperation { left, right, .. } => {
            tables_of(left, strict, names);
            tables_of(right, strict, names);
        }
        _ => {}
    }
}

fn joined(table: &TableWithJoins, strict: bool, names: &mut Vec<Name>) {
    for factor in std::iter::once(&table.relation).chain(table.joins.iter().map(|j| &j.relation)) {
        match factor {
            TableFactor::Table { name, args: None, with_hints, .. } => {
                let locks = with_hints.iter().any(|hint| {
                    matches!(
                        hint.to_string().to_ascii_uppercase().as_str(),
                        "UPDLOCK"
                            | "XLOCK"
                            | "TABLOCKX"
                            | "HOLDLOCK"
                            | "SERIALIZABLE"
                            | "REPEATABLEREAD"
                    )
                });
                let no_lock =
                    with_hints.iter().any(|h| h.to_string().eq_ignore_ascii_case("nolock"));
                if (locks || strict) && !no_lock {
                    names.extend(Name::of(name).ok());
                }
            }
            TableFactor::Derived { subquery, .. } => tables_of(&subquery.body, strict, names),
            _ => {}
        }
    }
}
