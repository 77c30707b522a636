//! One writer at a time: an advisory lock on a file that says who holds it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::StateError;

/// Who holds a task's state. For people: the lock itself is the operating system's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its machine.
    #[serde(default)]
    pub host: String,
    /// Since when, RFC 3339 in UTC.
    #[serde(default)]
    pub since: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.host.is_empty() {
            write!(f, " on {}", self.host)?;
        }
        if !self.since.is_empty() {
            write!(f, ", since {}", self.since)?;
        }
        if self.is_gone() {
            f.write_str("; it is gone, and providers that it started still live")?;
        }
        Ok(())
    }
}

impl Holder {
    /// Whether it was a process of this machine, and is no more.
    fn is_gone(&self) -> bool {
        self.host == host_name() && !is_alive(self.pid)
    }
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // One of another user may not be asked, and lives.
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// There the lock ends with the process.
#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}

/// The locked file. A provider that inherits its descriptor keeps the lock alive, so that no new
/// run starts while a process of the old one still lives.
///
/// On Windows providers do not inherit it: it ends with the host, and providers with their stdin.
#[derive(Debug, Clone)]
#[cfg_attr(not(unix), expect(dead_code, reason = "the file is held, and nothing else done to it"))]
pub struct InheritedLock(pub(crate) Arc<File>);

/// How long it is waited for at least: a process that another thread is just starting has a copy of
/// every descriptor between fork and exec, also of a lock that was given back meanwhile.
const GRACE: Duration = Duration::from_millis(200);

/// How long it is waited for where the process that took it is gone: its providers, which hold it
/// too, end by themselves, and on a busy machine that takes a while.
const ORPHANED: Duration = Duration::from_secs(10);

/// Takes the lock on `path`, waiting for it for up to `wait`.
pub(super) fn acquire(
    task: &str,
    path: &Path,
    wait: Duration,
) -> Result<InheritedLock, StateError> {
    let io = |action, source| StateError::Io { action, path: path.display().to_string(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path).map_err(|e| io("cannot open", e))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if begun.elapsed() >= wait.max(GRACE) {
                    let holder = read_holder(&mut file);
                    let gone = holder.as_ref().is_some_and(Holder::is_gone);
                    if !gone || begun.elapsed() >= wait.max(ORPHANED) {
                        return Err(StateError::Held { task: task.into(), holder });
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::Error(e)) => return Err(io("cannot lock", e)),
        }
    }
    write_holder(&mut file).map_err(|e| io("cannot write", e))?;
    Ok(InheritedLock(Arc::new(file)))
}

/// `None` on Windows: there nobody else may read a locked file.
fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let holder = Holder {
        pid: std::process::id(),
        host: host_name(),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(&holder)?.as_bytes())
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
