//! Where there is neither Landlock nor seccomp: a `sandbox` block is an error.

use std::io;

use dstream_task::Sandbox;

use crate::{SandboxError, Wanted};

/// There are none.
#[derive(Debug)]
pub(crate) enum Rules {}

impl Rules {
    pub(crate) fn prepare(_: &Wanted<'_>, _: &Sandbox) -> Result<Self, SandboxError> {
        Err(SandboxError::Unsupported)
    }

    pub(crate) fn enter(&mut self) -> io::Result<()> {
        match *self {}
    }
}

/// Only Linux has such a promise.
pub(crate) fn no_new_privileges() -> io::Result<()> {
    Ok(())
}
