//! The input against a SQL Server: the simulator, or the one of `DSTREAM_TEST_MSSQL_URL`.

// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod connection;
mod errors;
mod faults;
#[cfg(unix)]
mod instances;
mod lifecycle;
mod lost;
mod offsets;
#[cfg(unix)]
mod proxy;
mod random;
mod rows;
mod server;
#[cfg(unix)]
mod sharing;
mod tables;
mod types;
