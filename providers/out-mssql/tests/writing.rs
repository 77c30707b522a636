//! What stands in the tables afterwards, mode by mode.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

dstream_sql_testkit::writing!(common::Db);
