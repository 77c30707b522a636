//! Child processes: their start, their group, their environment, what confines them, their stderr, their end.

mod confine;
mod environment;
mod group;
mod scratch;
mod spawn;
mod stderr;
mod until_gone;

#[cfg(unix)]
pub(crate) use confine::before_exec;
pub(crate) use confine::{Confined, Confines};
pub(crate) use environment::{environment, is_common};
pub(crate) use group::Group;
pub(crate) use scratch::Scratch;
pub(crate) use spawn::{Pipes, Spawner, StartProcess};
pub(crate) use stderr::{Tail, drain};
pub(crate) use until_gone::{Stdout, UntilGone};

use std::process::ExitStatus;

/// An exit status as a sentence's end: `exit status 3`, `signal 9 (killed)`.
pub(crate) fn describe_status(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            1 => " (SIGHUP)",
            2 => " (SIGINT)",
            4 => " (SIGILL)",
            6 => " (SIGABRT)",
            7 => " (SIGBUS)",
            8 => " (SIGFPE)",
            9 => " (SIGKILL)",
            11 => " (SIGSEGV)",
            13 => " (SIGPIPE)",
            15 => " (SIGTERM)",
            31 => " (SIGSYS)",
            _ => "",
        };
        return format!("signal {signal}{name}");
    }
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}
