//! T-SQL: `syntax` reads it, `bind` finds out what names and types mean, `exec` does it.

pub(crate) mod bind;
pub(crate) mod ddl;
pub(crate) mod dml;
pub(crate) mod eval;
pub(crate) mod functions;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod source;
pub(crate) mod syntax;
pub(crate) mod views;
