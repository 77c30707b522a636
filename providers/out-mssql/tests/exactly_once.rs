//! Rows, checkpoint and dead letters are one: killed anywhere, fenced by a later run, resumed.

mod common;

dstream_sql_testkit::exactly_once!(common::Db);
