//! The loop of an output.
//!
//! Of what has been read, everything up to the last checkpoint is *closed* and is written at once;
//! what follows is held back in memory until its checkpoint comes. So a checkpoint that waits can
//! always be committed without rows that are not its own. Only an interval that outgrows memory is
//! written while it is open, after a commit of what was closed before it.

use std::time::{Duration, Instant};

use dstream_protocol::Ready;

use super::pending::{Limits, Pending};
use super::{OutputProvider, OutputStart};
use crate::lines::Lines;
use crate::rejections::{Letters, Rejections};
use crate::runs::Run;
use crate::session::{Failure, Session, alive};
use crate::stdio::{HEARTBEAT, Source, Stdout};
use crate::stop::Stop;
use crate::{Console, Error, Result};

/// How much is read, if it is there, before it is written.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// How much of an open interval is held back.
const OPEN_BYTES: usize = 4 << 20;

/// Runs an output from its command to its end.
pub(crate) async fn run<P: OutputProvider>(
    mut session: Session,
    config: P::Config,
) -> Result<(), Failure> {
    let console = Console::default();
    let start = start(&session, console.clone());
    let within = start.commit_within;
    let provider = alive(&mut session.stdout, P::open(config, start)).await??;
    session.ready(ready(&provider))?;
    let transactional = provider.delivery().unwrap_or(P::DELIVERY).transactional;
    let letters = Letters::new(&session.command, provider.claimed().map(|c| c.epoch));
    let (limit, rejections) = (session.max_line_bytes(), session.rejections());
    let Session { command, v2, stdin, stdout, stop } = session;
    let (source, rest) = Source::new(stdin);
    let limits =
        Limits { within, bytes: P::MAX_UNCOMMITTED_BYTES, envelopes: P::MAX_UNCOMMITTED_ENVELOPES };
    let mut output = Running {
        provider,
        source,
        lines: Lines::new(rest, v2, limit),
        run: Run::default(),
        rejections,
        pending: Pending::new(limits),
        stdout,
        console,
        stop,
        v2,
        transactional,
        letters,
        input: command.inputs.into_iter().next().unwrap_or_default(),
        out: Vec::new(),
    };
    output.send_unconfirmed().await?;
    output.run().await?;
    let Running { provider, mut stdout, console, mut out, .. } = output;
    alive(&mut stdout, provider.end()).await??;
    console.drain_into(&mut out);
    Ok(stdout.send(&out)?)
}

fn start(session: &Session, console: Console) -> OutputStart {
    let command = &session.command;
    let within = command.commit_within_ms.map(Duration::from_millis);
    OutputStart {
        task: command.task.clone(),
        task_id: command.task_id.clone(),
        name: command.name.clone(),
        inputs: command.inputs.clone(),
        state: command.state.clone(),
        confirmed: command.confirmed,
        adopt: command.adopt.clone(),
        dead_letter: command.dead_letter && session.v2,
        commit_within: within.unwrap_or(dstream_protocol::limits::COMMIT_WITHIN),
        max_line_bytes: session.max_line_bytes(),
        console,
    }
}

fn ready<P: OutputProvider>(provider: &P) -> Ready {
    let claimed = provider.claimed();
    let (epoch, previous) = claimed.as_ref().map_or((None, None), |c| (Some(c.epoch), c.previous));
    Ready {
        delivery: provider.delivery(),
        fingerprint: provider.fingerprint(),
        epoch,
        previous,
        checkpoint: claimed.map(|c| c.checkpoint).unwrap_or_default(),
        ..Ready::default()
    }
}

/// How a wait for stdin ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// There are new bytes; `drained`: and for now that is all.
    Input { drained: bool },
    /// It is time to commit.
    Time,
    /// stdin has ended.
    End,
}

pub(super) struct Running<P> {
    pub(super) provider: P,
    pub(super) source: Source,
    pub(super) lines: Lines,
    pub(super) run: Run,
    pub(super) rejections: Rejections,
    pub(super) pending: Pending,
    pub(super) stdout: Stdout,
    pub(super) console: Console,
    pub(super) stop: Stop,
    pub(super) v2: bool,
    pub(super) transactional: bool,
    pub(super) letters: Letters,
    /// The task's only input, whose checkpoints do not say whose they are.
    pub(super) input: String,
    /// Lines to send; its memory is used again.
    pub(super) out: Vec<u8>,
}

impl<P: OutputProvider> Running<P> {
    /// Reads, writes and commits until the stream ends.
    async fn run(&mut self) -> Result<(), Failure> {
        let mut woken = Woken::Input { drained: false };
        loop {
            if self.lines.scan()? > 0 {
                self.answer().await?;
            }
            // In version 1 all that is there is closed, and the end of stdin is the end.
            let closed = if self.v2 { self.lines.closed() } else { self.lines.whole() };
            let ended = self.deliver(closed).await?;
            if ended || woken == Woken::End {
                return self.finish(ended).await;
            }
            if self.lines.whole() > OPEN_BYTES {
                self.commit().await?;
                self.deliver(self.lines.whole()).await?;
            }
            if self.pending.is_due(woken != Woken::Input { drained: false }) {
                self.commit().await?;
            }
            woken = self.wait().await?;
        }
    }

    /// Waits for bytes and takes what is there.
    async fn wait(&mut self) -> Result<Woken, Failure> {
        let timer = self.pending.idle_at();
        let wait = timer.map_or(HEARTBEAT, |at| at.saturating_duration_since(Instant::now()));
        let mut read = tokio::select! {
            biased;
            () = self.stop.stopped() => return Err(Failure::Stopped),
            read = self.source.read(&mut self.lines.text) => read.map_err(Error::from)?,
            () = tokio::time::sleep(wait) => {
                self.stdout.heartbeat()?;
                return Ok(Woken::Time);
            }
        };
        let mut total = 0;
        while read > 0 {
            total += read;
            if total >= READ_AHEAD_BYTES {
                return Ok(Woken::Input { drained: false });
            }
            match self.source.try_read(&mut self.lines.text).map_err(Error::from)? {
                Some(more) => read = more,
                None => return Ok(Woken::Input { drained: true }),
            }
        }
        if !self.v2 {
            self.lines.complete_last();
        }
        Ok(Woken::End)
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if !self.out.is_empty() {
            self.stdout.send(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}
