//! What every provider must do, in any language: black-box checks, each a test of its own.
//!
//! One line in a provider's `tests/conformance.rs` makes them all:
//! [`conformance_input!`](crate::conformance_input), [`conformance_output!`](crate::conformance_output)
//! or [`conformance_transform!`](crate::conformance_transform).

pub mod common;
pub mod input;
mod macros;
pub mod output;
mod recording;
mod subject;
pub mod transform;

pub use recording::{Item, Recording};
pub use subject::Subject;
