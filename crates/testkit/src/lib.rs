//! Test a dstream provider: a host to run it under, and the conformance suite.
//!
//! - [`FakeHost`] starts a provider, sends lines and reads lines, each with a time limit.
//! - [`Transcript`] is a file of such lines, which any provider in any language can be held to.
//! - [`conformance`] is what every provider must do, as one line in its tests:
//!
//! ```ignore
//! // tests/conformance.rs
//! dstream_testkit::conformance_input!(
//!     env!("CARGO_BIN_EXE_dstream-in-counter"),
//!     |_| serde_json::json!({"interval": 1, "maxCount": 50}),
//!     ignore = ["/data/timestamp"],
//! );
//! ```

pub mod conformance;
mod failure;
mod host;
mod input_run;
mod transcript;

pub use failure::{Failure, Result};
pub use host::FakeHost;
pub use input_run::InputRun;
pub use transcript::Transcript;

pub use dstream_protocol::Role;
pub use serde_json;
