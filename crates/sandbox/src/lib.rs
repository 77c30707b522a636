//! Confines a provider: no new privileges, resource limits, and what its `sandbox` block leaves it.
//!
//! Everything that can fail with more than a number (paths, what the kernel can do) is done by
//! [`Confinement::prepare`], in the host; [`Confinement::enter`] runs in the child between fork and
//! exec, and makes system calls only.
//!
//! - `limits`: resource limits
//! - `files`: which files, as Landlock rules; `places`: what every program needs to start
//! - `calls`: which system calls, as a seccomp filter; `sockets`: those of the network

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod system;

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(unix)]
mod limits;
#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod sockets;

use std::io;
use std::path::{Path, PathBuf};

use dstream_task::Sandbox;

/// What is to be started, and what it is to be confined to.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// The task file's folder: relative paths begin there, and it may not be written as a whole.
    pub folder: &'a Path,
    /// The `sandbox` block. Without one there are limits, and no new privileges, but no rules.
    pub sandbox: Option<&'a Sandbox>,
    /// Files and folders that the host has told the program to read, beside those of the block.
    pub read: &'a [PathBuf],
    /// A folder for temporary files, which may be written.
    pub scratch: Option<&'a Path>,
}

/// Why a program cannot be confined as it should be, and so is not started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It needs Linux.
    #[error("there is no sandbox on this system: `sandbox` needs Linux on x86-64, ARM64 or RISC-V")]
    Unsupported,
    /// The kernel is too old, or has it turned off.
    #[error(
        "the kernel cannot keep `{setting}` of the sandbox: that needs Landlock ABI {abi}, Linux {linux} or later"
    )]
    Kernel {
        /// The setting of the block.
        setting: &'static str,
        /// The version of Landlock.
        abi: u8,
        /// The first kernel that has it.
        linux: &'static str,
    },
    /// A path of the block cannot be opened.
    #[error("`{setting}` of the sandbox names {}, which cannot be opened: {reason}", path.display())]
    Path {
        /// The setting of the block.
        setting: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It stands for another file in every process.
    #[error("`{setting}` of the sandbox names {}, which is the host's own, not the provider's", path.display())]
    HostsOwn {
        /// The setting of the block.
        setting: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// Writing it would be a way out.
    #[error("`write` of the sandbox names {}, and {what} is in it", path.display())]
    WayOut {
        /// The path.
        path: PathBuf,
        /// What stands there.
        what: &'static str,
    },
    /// More than the host itself may have.
    #[error("`{setting}` of the sandbox is {wanted}, and the host itself may have only {most}")]
    Limit {
        /// The setting of the block.
        setting: &'static str,
        /// Its value.
        wanted: u64,
        /// The host's own limit.
        most: u64,
    },
    /// The system refuses the rules.
    #[error("the sandbox cannot be prepared: {0}")]
    System(String),
}

impl SandboxError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unsupported => {
                "take the `sandbox` block out of it, or run it where there is one (docs/security.md)"
            }
            Self::Kernel { .. } => {
                "use a newer kernel; where it is new enough, `landlock` may be missing in the `lsm=` parameter that it was started with (docs/security.md)"
            }
            Self::Path { .. } => {
                "make it before the run; a relative path is relative to the task file's folder"
            }
            Self::HostsOwn { .. } => "name `/proc`, which has those of every process",
            Self::WayOut { .. } => {
                "name a folder of its own: what can write there chooses what runs next, without a sandbox"
            }
            Self::Limit { .. } => "write a smaller number, or raise the host's limit (`ulimit`)",
            Self::System(_) => "docs/security.md says what it needs",
        }
    }
}

/// A prepared confinement, for one process.
#[derive(Debug)]
pub struct Confinement {
    #[cfg(unix)]
    limits: limits::Limits,
    rules: Option<system::Rules>,
}

impl Confinement {
    /// Opens the paths, makes the rules and checks that this kernel keeps them all.
    ///
    /// # Errors
    /// Where anything that the block asks for cannot be kept: nothing is left out in silence.
    pub fn prepare(wanted: &Wanted<'_>) -> Result<Self, SandboxError> {
        #[cfg(unix)]
        let limits = limits::Limits::of(wanted.sandbox)?;
        let rules = wanted.sandbox.map(|sandbox| system::Rules::prepare(wanted, sandbox));
        Ok(Self {
            #[cfg(unix)]
            limits,
            rules: rules.transpose()?,
        })
    }

    /// Confines the calling process, for ever. Meant for a child between fork and exec: it makes
    /// system calls, and neither allocates nor takes a lock. It can be called once.
    ///
    /// # Errors
    /// What the system says. The process may be confined in part: it must not go on.
    pub fn enter(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        self.limits.enter()?;
        system::no_new_privileges()?;
        match &mut self.rules {
            Some(rules) => rules.enter(),
            None => Ok(()),
        }
    }
}
