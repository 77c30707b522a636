//! What a person and a program see of the `dstream` command, as snapshots.
//!
//! `INSTA_UPDATE=always cargo test -p dstream-cli` writes them anew; look at the difference.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod dead_letters;
mod errors;
mod help;
mod infrastructure;
mod look;
mod registry;
mod run;
mod sandbox;
mod signed;
mod state;
mod streams;
mod support;
