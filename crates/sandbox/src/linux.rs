//! The rules of one process on Linux, and the order in which they come into force.

use std::io;

use dstream_task::Sandbox;
use landlock::{RestrictSelfError, RulesetCreated, RulesetError};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use seccompiler::{BpfProgram, apply_filter};

use crate::{SandboxError, Wanted, calls, files};

/// What a `sandbox` block becomes.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Taken when it comes into force.
    files: Option<RulesetCreated>,
    calls: BpfProgram,
}

impl Rules {
    pub(crate) fn prepare(wanted: &Wanted<'_>, sandbox: &Sandbox) -> Result<Self, SandboxError> {
        let calls = calls::filter(&sandbox.connect)?;
        Ok(Self { files: Some(files::ruleset(wanted, sandbox)?), calls })
    }

    /// Comes into force. The last step forbids some of what the others need.
    ///
    /// The calls into `landlock` 0.4 and `seccompiler` 0.5 were read for this: they make system calls
    /// on what was prepared, and allocate nothing, where they succeed as where they fail.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        let none = CapabilitySet::empty();
        // A host that runs as root: its provider is root by name only. A program without new
        // privileges does not get them back at exec (capabilities(7)).
        set_capabilities(
            None,
            CapabilitySets { effective: none, permitted: none, inheritable: none },
        )?;
        let files = self.files.take().ok_or(io::ErrorKind::InvalidInput)?;
        files.restrict_self().map_err(|error| match error {
            RulesetError::RestrictSelf(RestrictSelfError::RestrictSelfCall { source, .. }) => {
                source
            }
            _ => io::ErrorKind::PermissionDenied.into(),
        })?;
        apply_filter(&self.calls).map_err(|error| match error {
            seccompiler::Error::Seccomp(source) | seccompiler::Error::Prctl(source) => source,
            _ => io::ErrorKind::PermissionDenied.into(),
        })
    }
}

/// From here on no program gets more rights by being executed: no set-user-ID, no capabilities.
pub(crate) fn no_new_privileges() -> io::Result<()> {
    Ok(set_no_new_privs(true)?)
}
