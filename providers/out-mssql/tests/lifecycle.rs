//! check, plan, init, status and destroy, and the errors that say what to do.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

dstream_sql_testkit::lifecycle!(common::Db);
