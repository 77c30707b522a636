//! Every type goes in and is the same in the table.

// Servers are started by programs of Unix.
#![cfg(unix)]

mod common;

dstream_sql_testkit::types!(common::Db);
