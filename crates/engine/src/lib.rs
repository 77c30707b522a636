//! Starts, supervises and connects the providers of a task, and keeps its checkpoint.
//!
//! The engine is a library without a terminal: a [`RunRequest`] in, [events](event) out. It has no
//! global, reads no current directory, installs no signal handler and never ends the process, so
//! that a command line and a server can drive it alike.
//!
//! Reading order, from what a caller sees to how it works:
//! - [`mod@run`]: runs a task: attempts, waits, gives up
//! - [`route`], [`guarantee`]: what is connected with what, and what that promises
//! - [`event`], [`cancel`], [`failure`]: what a caller hears, how it stops a run, what went wrong
//! - [`state`], [`dead_letter`]: what is kept on disk, crash-safe
//! - [`lifecycle`], [`describe`]: everything but `run`
//! - `attempt`: one life of all processes of a task: start, relay, drain, end
//! - `relay`, `account`, `rejections`: lines from pipe to pipe; whether they add up; those that are refused
//! - `ledger`, `saver`: which checkpoint is where; saved, then acknowledged
//! - `process`, `lines`, `startup`, `handshake`: child processes, their pipes, their first line
//! - `confined`: providers in a sandbox, and what it may have to do with their failures
//! - `hub`, `report`: what all of these share; what they tell

pub mod cancel;
pub mod dead_letter;
pub mod describe;
pub mod event;
pub mod failure;
pub mod guarantee;
pub mod lifecycle;
pub mod mask;
pub mod route;
pub mod run;
pub mod state;

mod account;
mod attempt;
mod confined;
mod handshake;
mod hub;
mod ledger;
mod lines;
mod process;
mod rejections;
mod relay;
mod report;
mod resume;
mod saver;
mod startup;

pub use cancel::{Cancel, Stop};
pub use event::{Event, EventKind, EventSink, Totals};
pub use failure::{Failure, FailureKind};
pub use route::{Member, Program, Protocol, Route};
pub use run::{Outcome, RunReport, RunRequest, run};
