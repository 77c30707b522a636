//! Write a dstream provider in Rust: traits, host loop, checkpoints, logging.

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
mod input;
mod lifecycle;
mod line;
mod lines;
mod logging;
mod output;
mod panics;
mod rejections;
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
pub use config::{Secret, TimeSpan};
pub use console::Console;
pub use envelope_buf::EnvelopeBuf;
pub use envelopes::{Envelope, Envelopes, Iter, Meta};
pub use error::{Context, Error, Result};
pub use input::{InputProvider, InputStart, Next};
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
