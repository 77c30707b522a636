//! Errors of the server, with what they mean here and what to do.

use dstream_sdk::{Error, ErrorKind};

use crate::state::StreamState;

/// SQLSTATEs by their names in appendix A of PostgreSQL's manual.
mod code {
    pub(super) const OBJECT_NOT_READY: &str = "55000";
    pub(super) const OBJECT_IN_USE: &str = "55006";
    pub(super) const UNDEFINED_OBJECT: &str = "42704";
    pub(super) const CONFIGURATION_LIMIT: &str = "53400";
    pub(super) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(super) const NO_PRIVILEGE: &str = "42501";
}

/// The stream could not begin, or broke.
pub(crate) fn replication(error: dstream_postgres::Error, state: &StreamState) -> Error {
    let slot = &state.slot;
    let Some(server) = error.server() else { return error.into() };
    let words = server.to_string();
    match server.code.as_str() {
        code::UNDEFINED_OBJECT if words.contains("publication") => Error::permanent(format!(
            "{words}: the publication was not there yet when the change at this place of the log was made. It has to be \
             made before the slot. Forget the checkpoint (`dstream state rm`), drop the slot (SELECT \
             pg_drop_replication_slot('{slot}');) and run again"
        )),
        code::UNDEFINED_OBJECT => slot_missing(slot, &words),
        code::OBJECT_NOT_READY => slot_lost(slot, &words),
        code::OBJECT_IN_USE => Error::transient(format!("the slot {slot} is in use: {words}")),
        code::TOO_MANY_CONNECTIONS if words.contains("max_wal_senders") => {
            Error::transient(format!(
                "{words}: every place for a replicating connection is taken; raise max_wal_senders, which needs a restart"
            ))
        }
        _ => Error::from(error).context("the stream of changes broke"),
    }
}

/// The server closed the stream in good order.
pub(crate) fn ended() -> Error {
    Error::transient("the server has ended the replication: it may be stopping")
}

/// A slot could not be made.
pub(crate) fn slot(error: dstream_postgres::Error, slot: &str) -> Error {
    let Some(server) = error.server() else { return error.into() };
    let words = server.to_string();
    match server.code.as_str() {
        code::CONFIGURATION_LIMIT => Error::permanent(format!(
            "the slot {slot} cannot be made: {words}: every slot is taken (SELECT * FROM pg_replication_slots;). Drop one that \
             nobody reads, or raise max_replication_slots, which needs a restart"
        )),
        code::NO_PRIVILEGE => Error::auth(format!("the slot {slot} cannot be made: {words}")),
        _ => Error::from(error).context(format!("the slot {slot} cannot be made")),
    }
}

/// The publication could not be made or changed.
pub(crate) fn publication(error: dstream_postgres::Error) -> Error {
    match error.code() {
        Some(code::NO_PRIVILEGE) => Error::auth(format!(
            "the publication cannot be made: {error}. A role needs CREATE on the database and has to own the tables; \
             or let an administrator run what `dstream plan` prints, and set create = false"
        )),
        _ => Error::from(error).context("the publication cannot be made"),
    }
}

/// A table could not be read.
pub(crate) fn snapshot(error: dstream_postgres::Error, table: &str) -> Error {
    match error.code() {
        Some(code::NO_PRIVILEGE) => Error::auth(format!(
            "the rows of {table} cannot be read: {error}. Run GRANT USAGE ON SCHEMA … TO …; GRANT SELECT ON {table} TO …; \
             with row-level security the role needs BYPASSRLS"
        )),
        _ => Error::from(error).context(format!("the rows of {table} cannot be read")),
    }
}

/// The checkpoint says nothing about what is asked for now.
pub(crate) fn mode_changed(was: &str, is: &str) -> Error {
    Error::config(
        "mode",
        format!(
            "the checkpoint was made in mode \"{was}\", and the mode is \"{is}\": forget the checkpoint (`dstream state rm`) \
             to begin anew, or give the task another name"
        ),
    )
}

/// There is a checkpoint, and its slot is gone.
pub(crate) fn slot_missing(slot: &str, more: &str) -> Error {
    let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
    Error::permanent(format!(
        "the slot {slot} of the checkpoint is not on the server{more}: it was dropped, or the server was replaced by one that \
         does not have it. The changes since the checkpoint cannot be read any more. Set snapshot = \"when_needed\" to read \
         all tables again, or forget the checkpoint (`dstream state rm`) and run again"
    ))
}

/// The server gave the slot up.
pub(crate) fn slot_lost(slot: &str, more: &str) -> Error {
    let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
    Error::permanent(format!(
        "the slot {slot} is lost{more}: the server has thrown away log that was not read yet (max_slot_wal_keep_size). Run \
         SELECT pg_drop_replication_slot('{slot}'); then set snapshot = \"when_needed\" to read all tables again, or forget \
         the checkpoint (`dstream state rm`) and run again; and raise max_slot_wal_keep_size"
    ))
}

/// The slot has forgotten what comes after the checkpoint.
pub(crate) fn slot_ahead(slot: &crate::setup::slot::Slot, state: &StreamState) -> Error {
    Error::new(
        ErrorKind::Permanent,
        format!(
            "the slot {} stands at {}, behind which the checkpoint, {}, is: somebody else has read from it, or it was made \
             anew. The changes in between cannot be read any more. Set snapshot = \"when_needed\" to read all tables again, \
             or forget the checkpoint (`dstream state rm`) and run again",
            slot.name, slot.confirmed, state.lsn
        ),
    )
}
