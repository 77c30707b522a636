//! What has to be there before anything can be read: the server's settings, publication, slot.

pub(crate) mod failover;
pub(crate) mod publication;
pub(crate) mod server;
pub(crate) mod slot;
pub(crate) mod tables;
pub(crate) mod timeline;
