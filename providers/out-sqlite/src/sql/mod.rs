//! What every SQL output shares: tables from schemas, their evolution, the statements.
//! Knows a [`Dialect`] and no database.

pub(crate) mod dialect;
pub(crate) mod evolve;
pub(crate) mod statements;
pub(crate) mod table;

pub(crate) use dialect::Dialect;
pub(crate) use table::{Column, Table};
