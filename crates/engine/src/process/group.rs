//! The process group of one provider, so that its own children end with it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::Notify;

use super::scratch::Scratch;

/// A provider's process group. Killed when dropped, unless its process has been reaped.
#[derive(Debug)]
pub(crate) struct Group {
    pid: u32,
    reaped: AtomicBool,
    /// Where there are no process groups: whoever owns the process is asked to kill it.
    pub(crate) kill: Notify,
    /// Its temporary files, gone with it.
    scratch: Option<Scratch>,
}

impl Group {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid, reaped: AtomicBool::new(false), kill: Notify::new(), scratch: None }
    }

    /// Keeps the folder as long as the process lives.
    pub(crate) fn keeping(mut self, scratch: Option<Scratch>) -> Self {
        self.scratch = scratch;
        self
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(false);
    }

    /// Ends the group at once.
    pub(crate) fn kill(&self) {
        self.signal(true);
    }

    /// The process is gone: what it left behind ends too, and its number is not used again.
    pub(crate) fn reaped(&self) {
        self.kill();
        self.reaped.store(true, Relaxed);
    }

    #[cfg(unix)]
    fn signal(&self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if self.reaped.load(Relaxed) {
            return;
        }
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
            && let Err(error) = kill_process_group(pid, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::debug!(pid = self.pid, %error, "cannot signal the process group");
        }
    }

    /// Windows has neither process groups of this kind nor a polite request: both kill the process,
    /// and its own children see their pipes close.
    #[cfg(not(unix))]
    fn signal(&self, _kill: bool) {
        self.kill.notify_one();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
