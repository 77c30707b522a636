//! What stands in the tables afterwards, mode by mode.

mod common;

dstream_sql_testkit::writing!(common::Db);
