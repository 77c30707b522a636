//! Starts one provider and waits for its first word: ready, an error, its end, or too late.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use dstream_protocol::{ProviderError, Ready, Role, Startup};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, FailureKind};
use crate::lines::{LineError, LineReader};
use crate::mask::Mask;
use crate::process::{
    Group, Pipes, Spawner, StartProcess, Stdout, Tail, UntilGone, describe_status, drain,
};
use crate::route::Member;

/// A version-1 output may never say ready; after this it is taken to be.
const SILENT_OUTPUT: Duration = Duration::from_secs(1);

/// How long a process that has closed its stdout may take to end, and the other way round.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// How much of a line is quoted in a message.
const QUOTED: usize = 200;

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

/// Waits for the first line, the end, or too late, and takes the handshake off the stream.
async fn first_word(
    live: &mut Live,
    mask: &Mask,
    deadline: Instant,
    grace: Option<Duration>,
    limit: Duration,
) -> Result<(), Failure> {
    let Some(mut stdout) = live.stdout.take() else { return Ok(()) };
    let until = grace.map_or(deadline, |g| deadline.min(Instant::now() + g));
    let outcome = timeout_at(until, first_line(&mut stdout)).await;
    let result = match outcome {
        Ok(Ok(true)) => handshake(live, &mut stdout, mask),
        Ok(Ok(false)) => ended_early(live, stdout.rest()).await,
        Ok(Err(LineError::Io(e))) => {
            Err(live.failure(FailureKind::Startup, format!("its stdout cannot be read: {e}")))
        }
        Ok(Err(error)) => Err(live.failure(FailureKind::Protocol, error.to_string())),
        Err(_) if grace.is_some() => {
            live.handshake_pending = true;
            Ok(())
        }
        Err(_) => Err(late(live, limit)),
    };
    live.stdout = Some(stdout);
    result
}

/// Reads until there is a whole line. `false`: the stream ended without one.
async fn first_line(stdout: &mut LineReader<Stdout>) -> Result<bool, LineError> {
    while stdout.first().is_none() {
        if !stdout.fill().await? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn handshake(live: &mut Live, stdout: &mut LineReader<Stdout>, mask: &Mask) -> Result<(), Failure> {
    let line = stdout.first().unwrap_or_default();
    match Startup::read(line) {
        Startup::Ready(ready) => {
            if live.v2 && ready.protocol != Some(dstream_protocol::VERSION) {
                return Err(live
                    .failure(FailureKind::Startup, "it is ready, but does not speak protocol 2")
                    .help("take `protocol = 2` out of its block, or answer {\"status\":\"ready\",\"protocol\":2}"));
            }
            let length = line.len() + 1;
            live.ready = *ready;
            // It is shown where it has changed, and kept with the state.
            live.ready.fingerprint = live.ready.fingerprint.take().map(|f| mask.apply(&f));
            stdout.consume(length);
            Ok(())
        }
        Startup::Failed(error) => Err(live.reported(mask.error(error))),
        Startup::Data if live.v2 => {
            let message = format!("its first line is no handshake: {}", quote(line, mask));
            Err(live
                .failure(FailureKind::Startup, message)
                .help("a version-2 provider first writes {\"status\":\"ready\",\"protocol\":2}"))
        }
        Startup::Data => Ok(()),
    }
}

/// An input of version 1 may have nothing to say; any other end before `ready` is a failure.
async fn ended_early(live: &mut Live, rest: &[u8]) -> Result<(), Failure> {
    let legacy_input = !live.v2 && live.role == Role::Input;
    if legacy_input && !rest.is_empty() {
        return Ok(());
    }
    let exited = tokio::time::timeout(LINGER, live.exit.wait_for(Option::is_some)).await;
    let status = exited.ok().and_then(|r| r.ok().and_then(|s| *s));
    if legacy_input && status.is_some_and(|s| s.success()) {
        return Ok(());
    }
    // Its last words may still be in the pipe.
    drop(tokio::time::timeout(LINGER, live.stderr_read.wait_for(|read| *read)).await);
    let how = status
        .map_or("closed its stdout".to_owned(), |s| format!("ended with {}", describe_status(s)));
    Err(live.failure(FailureKind::Startup, format!("it {how} before it was ready")))
}

fn late(live: &Live, limit: Duration) -> Failure {
    let message = format!("it was not ready within {limit:?}");
    live.failure(FailureKind::Startup, message)
        .help("if it needs longer, set `start_timeout` in the task")
}

/// The beginning of a line, as it can be shown.
pub(crate) fn quote(line: &[u8], mask: &Mask) -> String {
    let text = mask.apply(&String::from_utf8_lossy(line));
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…` ({} bytes)", &text[..end], line.len()),
        None => format!("`{text}`"),
    }
}
