//! A table as its rows are read: by the log, or by a SELECT.

mod catalog;
mod log;

pub(crate) use catalog::from_catalog;
pub(crate) use log::from_log;
