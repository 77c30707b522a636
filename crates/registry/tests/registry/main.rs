//! Against a real registry: what is published comes back, and nothing that goes wrong does harm.
#![cfg(unix)]
// The helpers of a test may panic as the test may.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod breaks;
mod endless;
mod forms;
mod pins;
mod signed;
mod support;
mod tokens;
