//! The stream of changes.

mod apply;
mod feed;
mod follow;
mod handoff;
mod pgoutput;
mod relations;
mod transaction;

pub(crate) use feed::{Feed, Replication};
pub(crate) use follow::Stream;
pub(crate) use handoff::Handoff;
