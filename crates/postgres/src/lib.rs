//! Connecting to PostgreSQL, the same way for every provider.
//!
//! - [`ConnectionSettings`] is the part of a config block that says where the server is; it becomes
//!   a [`Target`].
//! - [`Client::connect`] is a connection for SQL, on `tokio-postgres`.
//! - [`Wire`] is a connection that hands out messages where they lie, for COPY and replication.
//! - [`ServerError`] is what the server said; as a [`dstream_sdk::Error`] it has the right kind.
//! - [`quote`] writes names and literals.
//!
//! Values travel as text, and every session prints them the same way: see [`SESSION`].

mod client;
mod conninfo;
mod error;
pub mod quote;
mod settings;
mod stream;
mod target;
mod tls;
mod wire;

pub use client::Client;
pub use error::{Error, Result, ServerError};
pub use settings::{ConnectionSettings, SslMode};
pub use target::{Host, Target};
pub use wire::{Message, Row, Wire};

pub use tokio_postgres;

/// How every session prints values, set when it starts: texts are the same through COPY, logical
/// replication and queries.
pub const SESSION: &str = "-c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 \
                           -c timezone=UTC -c bytea_output=hex";
