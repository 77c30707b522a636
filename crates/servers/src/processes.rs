//! Children and their ends. Reads `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Whether a process runs; one that has ended and waits for its parent does not.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// SIGKILL for a process and its children, as an abrupt end of the machine would have it; returns
/// when they are gone.
///
/// # Panics
/// When one is not gone in time.
pub(crate) fn kill_tree(pid: u32) {
    // Stopped first, so that it has no new children.
    signal(pid, Signal::STOP);
    let mut all = children(pid);
    all.push(pid);
    all.iter().for_each(|pid| signal(*pid, Signal::KILL));
    let deadline = Instant::now() + crate::PATIENCE;
    while all.iter().any(|pid| lives(*pid)) {
        assert!(Instant::now() < deadline, "the processes {all:?} do not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().map(|t| fs::read_to_string(t.path().join("children")));
    let text = lists.map(Result::unwrap_or_default).collect::<Vec<_>>().join(" ");
    text.split_whitespace().filter_map(|p| p.parse().ok()).collect()
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that is gone already is what was wanted.
        let _gone = kill_process(pid, signal);
    }
}
