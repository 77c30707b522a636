//! Who is whose child, who still lives, who is to be killed. Reads `/proc`: Linux only.

use std::fs;
use std::time::{Duration, Instant};

#[cfg(unix)]
use rustix::process::Signal;

/// The children of a process: pid and program name.
pub fn children(pid: u32) -> Vec<(u32, String)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().map(|t| fs::read_to_string(t.path().join("children")));
    let text = lists.map(Result::unwrap_or_default).collect::<Vec<_>>().join(" ");
    text.split_whitespace().filter_map(|p| p.parse().ok()).map(|p| (p, name(p))).collect()
}

/// Sends SIGKILL.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Sends SIGTERM.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

/// Sends SIGINT, as Ctrl-C does.
pub fn interrupt(pid: u32) {
    signal(pid, Signal::INT);
}

/// Sends SIGSTOP.
pub fn pause(pid: u32) {
    signal(pid, Signal::STOP);
}

/// Sends SIGCONT.
pub fn resume(pid: u32) {
    signal(pid, Signal::CONT);
}

/// Whether a process runs; one that has ended and waits for its parent does not.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// Waits until none of these runs; gives those that still do after `limit`.
pub fn survivors(pids: &[u32], limit: Duration) -> Vec<u32> {
    let deadline = Instant::now() + limit;
    loop {
        let alive: Vec<u32> = pids.iter().copied().filter(|p| lives(*p)).collect();
        if alive.is_empty() || Instant::now() > deadline {
            return alive;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The program that a process runs, without its folder.
fn name(pid: u32) -> String {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program.file_name().map(|n| n.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

#[cfg(unix)]
fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may be gone already, which is what was wanted.
        let _gone = rustix::process::kill_process(pid, signal).is_err();
    }
}

/// Windows has no signals: what needs them is built there too, and fails.
#[cfg(not(unix))]
struct Signal;

#[cfg(not(unix))]
impl Signal {
    const KILL: Self = Self;
    const TERM: Self = Self;
    const INT: Self = Self;
    const STOP: Self = Self;
    const CONT: Self = Self;
}

#[cfg(not(unix))]
fn signal(pid: u32, _: Signal) {
    panic!("process {pid} gets no signal: this system has none; run this on Linux");
}
