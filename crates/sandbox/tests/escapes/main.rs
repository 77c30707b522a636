//! Attempts to get out of a sandbox. Each is made twice: without a sandbox, where it must succeed,
//! else it would prove nothing, and with one.
//!
//! On a kernel without Landlock these tests fail, and say so: there is no sandbox to be tested.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

mod attempts;
mod calls;
mod files;
mod network;
mod processes;
mod support;
mod usable;
