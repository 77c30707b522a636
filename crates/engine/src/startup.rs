//! Starts one provider, and waits for its first word.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use dstream_protocol::{ProviderError, Ready, Role};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};
use crate::handshake::first_word;
use crate::lines::LineReader;
use crate::mask::Mask;
use crate::process::{Group, Pipes, Spawner, StartProcess, Stdout, Tail, UntilGone, drain};
use crate::route::Member;

/// A version-1 output may never say ready; after this it is taken to be.
const SILENT_OUTPUT: Duration = Duration::from_secs(1);

/// How long a process that has closed its stdout may take to end, and the other way round.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// How to start one provider.
pub(crate) struct Launch<'a> {
    pub(crate) member: &'a Member,
    pub(crate) process: StartProcess,
    /// The command, with its newline.
    pub(crate) command: String,
    pub(crate) start_timeout: Duration,
    pub(crate) max_line: usize,
    pub(crate) mask: Mask,
}

/// A provider that runs.
pub(crate) struct Live {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) v2: bool,
    pub(crate) group: Arc<Group>,
    /// Open as long as the host may have something to say.
    pub(crate) stdin: Option<ChildStdin>,
    /// `None` once somebody reads it.
    pub(crate) stdout: Option<LineReader<Stdout>>,
    /// Set when the process has ended.
    pub(crate) exit: watch::Receiver<Option<ExitStatus>>,
    /// True when stderr has been read to its end.
    pub(crate) stderr_read: watch::Receiver<bool>,
    pub(crate) tail: Tail,
    pub(crate) ready: Ready,
    /// A version-1 output that has not said anything yet.
    pub(crate) handshake_pending: bool,
}

impl Live {
    /// A failure of this provider, with the end of its stderr.
    pub(crate) fn failure(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        let mut failure = Failure::new(kind, message).of(self.role, &self.name);
        failure.stderr = self.tail.lines();
        failure
    }

    /// The same for a reason that the provider gave.
    pub(crate) fn reported(&self, error: ProviderError) -> Failure {
        let mut failure = Failure::reported(error).of(self.role, &self.name);
        failure.stderr = self.tail.lines();
        failure
    }

    /// Ends one that did not become ready, and waits until it is reaped: it must hold nothing that
    /// the next attempt needs.
    async fn end(mut self) {
        (self.stdin, self.stdout) = (None, None);
        let mut exit = self.exit.clone();
        drop(tokio::time::timeout(LINGER, exit.wait_for(Option::is_some)).await);
        self.group.kill();
        // An error means that it has been reaped already.
        drop(exit.wait_for(Option::is_some).await);
    }
}

/// Whoever stops waiting for a provider ends it: the task that reaps it holds on to its group.
impl Drop for Live {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// Starts the process, gives it its command and waits for its first word. `show` gets each line of
/// its stderr, with its pid.
pub(crate) async fn start(
    spawner: &Spawner,
    launch: Launch<'_>,
    started: impl FnOnce(u32),
    show: impl Fn(u32, String) + Send + Sync + 'static,
) -> Result<Live, Failure> {
    let Member { role, block, program } = launch.member;
    let path = program.path.clone();
    let pipes = spawner.start(launch.process).await.map_err(|e| {
        let message = format!("cannot start {}: {e}", path.display());
        Failure::new(FailureKind::Spawn, message).of(*role, &block.name)
    })?;
    started(pipes.group.pid());
    let (mut live, mut stdin) = adopt(pipes, launch.member, launch.max_line, &launch.mask, show);
    let deadline = Instant::now() + launch.start_timeout;
    let grace = (!live.v2 && live.role == Role::Output).then_some(SILENT_OUTPUT);
    // A version-1 input may read its stdin to the end before it does anything.
    let keeps_stdin = live.v2 || live.role != Role::Input;
    let write = async {
        if let Some(pipe) = stdin.as_mut() {
            // A provider that has closed its stdin is judged by what it says or how it ends.
            drop(pipe.write_all(launch.command.as_bytes()).await);
        }
        if !keeps_stdin {
            stdin = None;
        }
    };
    let speak = first_word(&mut live, &launch.mask, deadline, grace, launch.start_timeout);
    let (_, spoken) = tokio::join!(tokio::time::timeout_at(deadline, write), speak);
    live.stdin = stdin;
    match spoken {
        Ok(()) => Ok(live),
        Err(failure) => {
            live.end().await;
            Err(failure)
        }
    }
}

fn adopt(
    pipes: Pipes,
    member: &Member,
    max_line: usize,
    mask: &Mask,
    show: impl Fn(u32, String) + Send + Sync + 'static,
) -> (Live, Option<ChildStdin>) {
    let Pipes { child, group, stdin, stdout, stderr } = pipes;
    let pid = group.pid();
    let group = Arc::new(group);
    let exit = watch_exit(child, group.clone());
    let tail = Tail::default();
    let (stderr_done, stderr_read) = watch::channel(false);
    let stderr = UntilGone::new(stderr, exit.clone());
    let draining = drain(stderr, mask.clone(), tail.clone(), move |line| show(pid, line));
    tokio::spawn(async move {
        draining.await;
        stderr_done.send_replace(true);
    });
    let live = Live {
        role: member.role,
        name: member.block.name.clone(),
        v2: member.is_v2(),
        group,
        stdin: None,
        stdout: Some(LineReader::new(UntilGone::new(stdout, exit.clone()), max_line)),
        exit,
        stderr_read,
        tail,
        ready: Ready::default(),
        handshake_pending: false,
    };
    (live, Some(stdin))
}

fn watch_exit(
    mut child: tokio::process::Child,
    group: Arc<Group>,
) -> watch::Receiver<Option<ExitStatus>> {
    let (ended, exit) = watch::channel(None);
    tokio::spawn(async move {
        let status = tokio::select! {
            status = child.wait() => status,
            () = group.kill.notified() => {
                drop(child.start_kill());
                child.wait().await
            }
        };
        group.reaped();
        if let Ok(status) = status {
            ended.send_replace(Some(status));
        }
    });
    exit
}
