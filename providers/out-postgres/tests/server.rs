//! What a server can do beside writing rows: hold a transaction, go away, cut a name off.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

dstream_sql_testkit::server!(common::Db);
