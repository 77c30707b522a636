//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

dstream_sql_testkit::exactly_once!(common::Db);
