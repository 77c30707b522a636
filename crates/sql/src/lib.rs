//! What every SQL output shares. A database is an implementation of [`Database`], small; and
//! [`SqlOutput`] is then the whole output: `run`, `check`, `plan`, `init`, `status`, `destroy`.
//!
//! # Reading order
//! - [`Database`]: what a database does itself. [`Dialect`]: how it writes what all of them have.
//! - [`Config`]: its own settings beside the [`TableSettings`] that all of them have.
//! - Envelopes are read into a [`Batch`] of [`Change`]s to one [`Target`]; a database that merges
//!   sets of rows [folds](fold) it first, so that each row is written once.
//! - Rows, checkpoint and dead letters go into one transaction, fenced by the run's epoch.
//!
//! It knows no database. Nothing here needs `Send`: the SDK runs on one thread.

mod batch;
mod bookkeeping;
mod collect;
mod config;
mod database;
mod dialect;
mod evolve;
mod fold;
mod lifecycle;
mod output;
mod replay;
pub mod statements;
mod store;
mod table;
mod target;
mod targets;
mod writer;

pub use batch::{Batch, Change};
pub use bookkeeping::Owner;
pub use config::{Config, Delete, Evolve, Mode, TableSettings};
pub use database::{Access, Database, DbResult, Existing, Failure, Loading, Param, Refused, Reply};
pub use dialect::{Bookkeeping, Dialect};
pub use fold::{Merge, Patch, Step, fold};
pub use output::SqlOutput;
pub use table::{Column, Table, TableName};
pub use target::Target;
