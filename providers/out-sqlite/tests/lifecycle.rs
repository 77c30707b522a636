//! plan, init, status and destroy, and the errors that say what to do.

mod common;

dstream_sql_testkit::lifecycle!(common::Db);
