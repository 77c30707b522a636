//! What every SQL output shares. A database is an implementation of [`Database`], small; and
//! [`SqlOutput`] is then the whole output: `run`, `check`, `plan`, `init`, `status`, `destroy`.
//!
//! # Reading order
//! - [`Database`]: what a database does itself. [`Dialect`]: how it writes what all of them have.
//! - [`Config`]: its own settings beside the [`TableSettings`] that all of them have.
//! - Envelopes are read into a [`Batch`] of [`Change`]s to one [`Target`]. A database that merges
//!   sets of rows implements [`Sets`], and gets the batch [folded](write_sets), so that each row is
//!   written once; one that takes rows as statements with literals implements [`rows::Rows`], and
//!   has all of that.
//! - Rows, checkpoint and dead letters go into one transaction, fenced by the run's epoch. One that
//!   prepares transactions ([`TwoPhase`]) may write with several connections.
//!
//! It knows no database. Nothing here needs `Send`: the SDK runs on one thread.

mod batch;
mod bookkeeping;
pub mod catalog;
mod collect;
mod config;
mod database;
mod dialect;
mod evolve;
mod fit;
mod fold;
mod keep_alive;
mod lanes;
mod lifecycle;
pub mod literal;
mod merge;
mod output;
mod plan;
mod replay;
pub mod rows;
mod sessions;
pub mod statements;
mod store;
mod table;
mod target;
mod targets;
mod two_phase;
mod writer;

pub use batch::{Batch, Change, Division, Sameness};
pub use bookkeeping::{BookTypes, Owner};
pub use config::{Config, Delete, Evolve, Mode, TableSettings};
pub use database::{
    Access, Database, DbResult, Existing, Failure, Found, Loading, Param, Refused, Reply,
};
pub use dialect::Dialect;
pub use fit::{Limits, NameLimit};
pub use keep_alive::keep_alive;
pub use merge::{Sets, write_sets};
pub use output::SqlOutput;
pub use table::{Column, Table, TableName};
pub use target::Target;
pub use two_phase::TwoPhase;
