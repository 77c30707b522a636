//! What every SQL output is tested with, on its own database.
//!
//! A database is an implementation of [`TestDatabase`], and of [`TestServer`] where it is one. The
//! bodies of the tests are functions over them, and a macro for each group makes its `#[test]`s:
//!
//! ```ignore
//! // tests/writing.rs
//! mod common;
//! dstream_sql_testkit::writing!(common::Db);
//! ```
//!
//! Never in a release binary. The bodies panic as a test does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod database;
pub mod exactly_once;
pub mod groups;
mod host;
pub mod kill;
pub mod lifecycle;
mod macros;
pub mod server;
pub mod types;
pub mod upsert_model;
pub mod writing;

pub use database::{TestDatabase, TestServer};
pub use dstream_testkit;
pub use dstream_testkit::FakeHost;
pub use dstream_testkit::serde_json::{self, Value, json};
pub use host::{checkpoint, commit, error_of, finish, row, schema, send};
