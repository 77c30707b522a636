//! What a provider is confined to before it is executed.

use std::path::{Path, PathBuf};

use dstream_sandbox::{Confinement, SandboxError, Wanted};
use dstream_task::Sandbox;
#[cfg(unix)]
use tokio::process::Command;

use super::scratch::Scratch;
#[cfg(unix)]
use crate::state::InheritedLock;

/// What decides how a program is confined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confines<'a> {
    pub(crate) program: &'a Path,
    pub(crate) from_registry: bool,
    pub(crate) sandbox: Option<&'a Sandbox>,
    pub(crate) folder: &'a Path,
}

/// A prepared confinement, and the folder for temporary files that belongs to it.
pub(crate) struct Confined {
    pub(crate) confinement: Confinement,
    pub(crate) scratch: Option<Scratch>,
}

impl Confines<'_> {
    /// Prepares it, where there is anything to be confined. In a sandbox `TMPDIR` is a folder of the
    /// provider's own, unless it has been `given` one.
    pub(crate) fn prepare(
        &self,
        environment: &mut Vec<(String, String)>,
        given: bool,
    ) -> Result<Option<Confined>, SandboxError> {
        let scratch = match self.sandbox {
            Some(_) if !given => {
                let made = Scratch::new(environment);
                Some(made.map_err(|e| SandboxError::System(e.to_string()))?)
            }
            _ => None,
        };
        let confinement = self.within(scratch.as_ref(), environment)?;
        if let Some(scratch) = &scratch {
            environment.push(("TMPDIR".into(), scratch.path().display().to_string()));
        }
        Ok(confinement.map(|confinement| Confined { confinement, scratch }))
    }

    /// The same, with a folder for temporary files that is there already.
    pub(crate) fn within(
        &self,
        scratch: Option<&Scratch>,
        environment: &[(String, String)],
    ) -> Result<Option<Confinement>, SandboxError> {
        if self.sandbox.is_none() && !self.from_registry {
            return Ok(None);
        }
        let read = certificates(environment);
        let wanted = Wanted {
            program: self.program,
            folder: self.folder,
            sandbox: self.sandbox,
            read: &read,
            scratch: scratch.map(Scratch::path),
        };
        Confinement::prepare(&wanted).map(Some)
    }
}

/// Where the environment says that certificates are: it is handed on for nothing else.
fn certificates(environment: &[(String, String)]) -> Vec<PathBuf> {
    let named = environment.iter().filter(|(name, value)| {
        (name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR") && !value.is_empty()
    });
    named.flat_map(|(_, value)| std::env::split_paths(value)).collect()
}

/// What a process does between fork and exec: it keeps the lock, is confined, and dies with `host`.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the only way to run code between fork and exec; see the comment")]
pub(crate) fn before_exec(
    command: &mut Command,
    lock: Option<InheritedLock>,
    mut confinement: Option<Confinement>,
    host: Option<rustix::process::Pid>,
) {
    let before_exec = move || {
        if let Some(InheritedLock(file)) = &lock {
            rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?;
        }
        if let Some(confinement) = &mut confinement {
            confinement.enter()?;
        }
        // Last: fewer capabilities can take the signal away that this asks for.
        host.map_or(Ok(()), die_with)
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes
    // plain system calls (fcntl, prctl, getppid, and those of `Confinement::enter`), and neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(before_exec) };
}

/// On Linux the kernel kills the provider when the host dies. Elsewhere the end of stdin or a
/// broken stdout tells it.
#[cfg(target_os = "linux")]
fn die_with(host: rustix::process::Pid) -> std::io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The host may have died before the line above.
    if getppid() == Some(host) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn die_with(_host: rustix::process::Pid) -> std::io::Result<()> {
    Ok(())
}
