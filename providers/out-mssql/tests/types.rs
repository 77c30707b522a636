//! Every type goes in and is the same in the table.

mod common;

dstream_sql_testkit::types!(common::Db);
