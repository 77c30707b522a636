//! The input against a real PostgreSQL.

// Servers are started by programs of Unix.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod errors;
mod failover;
mod kills;
mod lifecycle;
mod locks;
mod session;
mod slots;
mod streamed;
mod support;
mod tables;
mod types;
