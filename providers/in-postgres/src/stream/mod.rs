//! The stream of changes.

mod apply;
mod bytes;
mod feed;
mod follow;
mod handoff;
mod offer;
mod pgoutput;
mod relations;
mod spool;
mod streamed;
mod transaction;
mod xids;

pub(crate) use feed::{Feed, Replication};
pub(crate) use follow::{Following, Stream};
pub(crate) use handoff::Handoff;
pub(crate) use streamed::spool_folder;
