//! Resource limits: what no provider needs, and what the block says.

use std::io;

use dstream_task::Sandbox;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::SandboxError;

/// Open files, where the block does not say. More than a host with many pipes and connections needs,
/// less than what exhausts a machine.
pub(crate) const OPEN_FILES: u64 = 65_536;

/// The limits of one process and of its children.
#[derive(Debug)]
pub(crate) struct Limits(Vec<(Resource, Rlimit)>);

impl Limits {
    pub(crate) fn of(sandbox: Option<&Sandbox>) -> Result<Self, SandboxError> {
        let mut all = vec![
            // A core file has the secrets that the provider was given.
            (Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }),
            (Resource::Nofile, open_files()),
        ];
        let Some(sandbox) = sandbox else { return Ok(Self(all)) };
        let settings = [
            (Resource::As, "max_memory_bytes", sandbox.max_memory_bytes),
            (Resource::Nofile, "max_open_files", sandbox.max_open_files),
            (Resource::Nproc, "max_processes", sandbox.max_processes),
        ];
        for (resource, setting, value) in settings {
            let Some(wanted) = value else { continue };
            if let Some(most) = getrlimit(resource).maximum.filter(|most| *most < wanted) {
                return Err(SandboxError::Limit { setting, wanted, most });
            }
            all.push((resource, Rlimit { current: value, maximum: value }));
        }
        Ok(Self(all))
    }

    /// In the child: system calls only.
    pub(crate) fn enter(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|(resource, limit)| Ok(setrlimit(*resource, *limit)?))
    }
}

/// What there is, but bounded: `select` breaks where the soft limit is raised.
fn open_files() -> Rlimit {
    let now = getrlimit(Resource::Nofile);
    let bound = |limit: Option<u64>| Some(limit.unwrap_or(OPEN_FILES).min(OPEN_FILES));
    Rlimit { current: bound(now.current), maximum: bound(now.maximum) }
}
