//! Any sequence of changes leaves the tables as maps in memory have them.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

dstream_sql_testkit::upsert_model!(common::Db);
