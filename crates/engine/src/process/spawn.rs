//! Starts processes from a thread of their own.
//!
//! On Linux a provider is killed when the *thread* that started it ends, so that thread must live
//! as long as the host does: a worker of an async runtime need not.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use dstream_sandbox::Confinement;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::confine::Confined;
#[cfg(unix)]
use super::confine::before_exec;
use super::group::Group;
use crate::state::InheritedLock;

/// What to start.
pub(crate) struct StartProcess {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    /// Held by the provider too, as long as it lives.
    pub(crate) lock: Option<InheritedLock>,
    /// What it is confined to, where it is.
    pub(crate) confined: Option<Confined>,
}

/// A started process.
pub(crate) struct Pipes {
    pub(crate) child: Child,
    pub(crate) group: Group,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread that starts processes. Ends, and with it everything that it started, when dropped.
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    pub(crate) fn new() -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let name = "dstream-spawn".to_owned();
        std::thread::Builder::new().name(name).spawn(move || queue.iter().for_each(|job| job()))?;
        Ok(Self { jobs })
    }

    /// Starts a process in a group of its own, with three pipes.
    pub(crate) async fn start(&self, what: StartProcess) -> io::Result<Pipes> {
        let (reply, answer) = oneshot::channel();
        let runtime = Handle::current();
        let gone = || io::Error::other("the thread that starts processes is gone");
        let job: Job = Box::new(move || {
            let _guard = runtime.enter();
            // Nobody waits any more: the process is dropped, and so killed.
            drop(reply.send(start(what)));
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn start(what: StartProcess) -> io::Result<Pipes> {
    let mut command = Command::new(&what.program);
    command.args(&what.args).current_dir(&what.folder).env_clear().envs(what.environment);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let (confinement, scratch) = what.confined.map(|c| (c.confinement, c.scratch)).unzip();
    prepare(&mut command, what.lock, confinement);
    let mut child = command.spawn()?;
    let gone = || io::Error::other("the process has no pipes");
    let group = Group::new(child.id().ok_or_else(gone)?).keeping(scratch.flatten());
    let stdin = child.stdin.take().ok_or_else(gone)?;
    let stdout = child.stdout.take().ok_or_else(gone)?;
    let stderr = child.stderr.take().ok_or_else(gone)?;
    widen(&stdin);
    widen(&stdout);
    Ok(Pipes { child, group, stdin, stdout, stderr })
}

#[cfg(unix)]
fn prepare(command: &mut Command, lock: Option<InheritedLock>, confinement: Option<Confinement>) {
    command.process_group(0);
    before_exec(command, lock, confinement, Some(rustix::process::getpid()));
}

/// Windows: Ctrl-C goes to every process of a console, but for those in a group of their own. A
/// provider does not inherit the lock, and is not killed with the host: the end of stdin tells it.
///
/// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
#[cfg(windows)]
fn prepare(command: &mut Command, _lock: Option<InheritedLock>, _confinement: Option<Confinement>) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// Larger pipes mean fewer switches between processes. 1 MiB is the most that a user may ask for by
/// default, and the kernel bounds the sum; less, or none, works too.
#[cfg(target_os = "linux")]
fn widen(pipe: impl std::os::fd::AsFd) {
    let sizes = [1 << 20, 1 << 18];
    if !sizes.iter().any(|size| rustix::pipe::fcntl_setpipe_size(&pipe, *size).is_ok()) {
        tracing::debug!("the pipe keeps its default size");
    }
}

#[cfg(not(target_os = "linux"))]
fn widen<T>(_pipe: &T) {}
