//! A dstream task as plain data: what to run, before anything is resolved or started.
//!
//! The same [`Task`] comes out of an HCL file, a JSON document or a database row. Secrets are not in
//! it: where a config holds one, there stands a [reference](secret), and the values travel apart in
//! [`Secrets`], which neither prints nor serialises.
//!
//! - [`task`]: the task and its blocks
//! - [`settings`]: retry, dead letters, time limits, the state's lock, schedule
//! - [`sandbox`]: what a provider may reach
//! - [`constraint`]: which versions of something will do
//! - [`secret`]: references to secrets, and what puts the values back in

pub mod constraint;
pub mod sandbox;
pub mod secret;
pub mod settings;
pub mod task;

pub use constraint::{BadConstraint, Constraint};
pub use sandbox::{Connect, Network, Sandbox, Target};
pub use secret::{Secret, Secrets, UnknownSecret};
pub use settings::{DeadLetter, Guarantee, Limits, Lock, Retry, Schedule};
pub use task::{Block, Source, Task};
