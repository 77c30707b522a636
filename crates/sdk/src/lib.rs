//! Write a dstream provider in Rust: traits, host loop, checkpoints, logging.
//!
//! A provider is a program that `dstream run` starts and talks to over stdin and stdout, a JSON
//! object a line. The author writes one trait; this crate does the rest: the command and the config
//! with good errors, `describe`, checkpoints at the right place and time, batches, backpressure,
//! accounting, dead letters, graceful stops, logs, panics, and hosts of version 1.
//!
//! # An input
//! ```no_run
#![doc = include_str!("../examples/in-lines.rs")]
//! ```
//!
//! # An output
//! ```no_run
#![doc = include_str!("../examples/out-lines.rs")]
//! ```
//!
//! # Reading order
//! - [`InputProvider`] fills a [`Batch`]; [`OutputProvider`] takes [`Envelopes`]; a
//!   [`TransformProvider`] takes [`Envelopes`] and [`Emit`]s.
//! - [`Check`], [`Discover`] and [`Infrastructure`] are optional; [`input()`], [`output()`] and
//!   [`transform()`] register them and have `main()`.
//! - [`Error`] says what failed and whether trying again can help; [`Context`] adds what was done.
//! - [`row`] reads a row's columns where they stand, without a tree.
//! - [`config`]: [`Secret`] is never printed, [`TimeSpan`] is `"5s"` or milliseconds,
//!   [`ByteSize`] is `"16MiB"` or bytes.
//!
//! `docs/providers/authoring.md` is the guide; `dstream-testkit` has the conformance suite, which
//! every provider passes.
//!
//! # What a provider must not do
//! stdout is the protocol. The SDK takes it over before anything else runs, so that a `println!`
//! becomes a line on stderr; log with [`tracing`]. An output prints to the user with [`Console`].

mod about;
mod batch;
mod builder;
mod cadence;
pub mod config;
mod console;
mod entry;
mod envelope_buf;
mod envelopes;
mod error;
pub mod fail;
mod input;
mod lifecycle;
mod line;
mod lines;
mod logging;
mod output;
mod panics;
mod rejections;
pub mod row;
mod runs;
mod session;
mod signals;
mod split;
mod stdio;
mod stop;
mod transform;

pub use about::About;
pub use batch::Batch;
pub use builder::{InputMain, OutputMain, TransformMain, input, output, transform};
pub use cadence::Cadence;
pub use config::{ByteSize, NoSettings, Secret, TimeSpan};
pub use console::Console;
pub use envelope_buf::EnvelopeBuf;
pub use envelopes::{Envelope, Envelopes, Iter, Meta};
pub use error::{Context, Error, Result};
pub use input::{Granted, InputProvider, InputStart, Next};
pub use lifecycle::{Check, Discover, Infrastructure, TaskContext};
pub use line::RenderedMetadata;
pub use output::{Claimed, Commit, OutputProvider, OutputStart};
pub use transform::{Emit, TransformProvider, TransformStart};

pub use dstream_protocol::{
    Claim, CommitMark, Delivery, ErrorKind, Field, FieldType, Json, LifecycleReport, Metadata, Op,
    Operation, PartitionStates, Progress, Rejected, Resource, Role, SourceStates, StreamSchema,
};
pub use schemars;
pub use serde;
pub use serde_json;
pub use tracing;
