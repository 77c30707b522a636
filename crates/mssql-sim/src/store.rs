//! What is at rest: catalogue, rows, locks, transactions, the log. Every version of a database is a
//! value that shares its parts with the next one, so that a reader keeps what it saw and a rollback
//! forgets what was written.

mod catalog;
mod changes;
mod database;
mod locks;
mod lsn;
mod rows;
mod transaction;

pub(crate) use catalog::{Catalog, ColumnDef, Grant, IndexDef, RuleDef, RuleKind, TableDef};
pub(crate) use changes::ChangeTable;
pub(crate) use database::{Database, Job, State};
pub(crate) use locks::{Locks, Wait, deadlock};
pub(crate) use lsn::{Log, LogItem, Lsn, LsnSource};
pub(crate) use rows::{Key, Row, TableData};
pub(crate) use transaction::{Change, Isolation, Transaction};
