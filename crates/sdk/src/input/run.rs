//! The loop of an input: read, send, tell the provider what is saved; then end in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_protocol::{Control, PartitionStates, Ready};

use super::inbox::Inbox;
use super::sent::Sent;
use super::{Granted, InputProvider, InputStart, Next};
use crate::batch::{Batch, Core};
use crate::cadence::Clock;
use crate::session::{Failure, Session, alive};
use crate::stdio::{HEARTBEAT, Stdout};
use crate::stop::Stop;
use crate::{Error, Result};

/// How long a `read` may go on after the host said stop, before it is given up.
const READ_GRACE: Duration = Duration::from_secs(1);

/// How long an input may go on reading after a stop, to reach a place where resuming is right.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long a provider may take to give up what others wait for.
const ABANDON: Duration = Duration::from_secs(2);

/// A wait that has no end of its own.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Runs an input from its command to its end.
pub(crate) async fn run<P: InputProvider>(
    mut session: Session,
    config: P::Config,
) -> Result<(), Failure> {
    let start = start::<P>(&session)?;
    let provider = alive(&mut session.stdout, P::open(config, start)).await??;
    let fingerprint = provider.fingerprint();
    let delivery = provider.delivery();
    session.ready(Ready { fingerprint, delivery, ..Ready::default() })?;
    let (limit, rejections) = (session.max_line_bytes(), session.rejections());
    let Session { v2, stdin, stdout, stop, .. } = session;
    let core = Core::new(v2, limit, Clock::new(P::CADENCE), rejections, stop.clone());
    // A version-1 host closes stdin right after the command.
    let inbox = if v2 { Inbox::watch(stdin, stop.clone()) } else { Inbox::default() };
    let batch = Batch::new(core);
    let sent = Sent::default();
    let mut input =
        Running { provider, batch, inbox, sent, stdout, stop, v2, saved: 0, closed: false };
    let ended = match input.run().await {
        Ok(()) => input.finish().await,
        failed => failed,
    };
    match ended {
        Ok(()) => Ok(input.provider.close().await?),
        Err(failure) => {
            if tokio::time::timeout(ABANDON, input.provider.abandon()).await.is_err() {
                tracing::warn!("what others wait for could not be given up in time");
            }
            Err(failure)
        }
    }
}

fn start<P: InputProvider>(session: &Session) -> Result<InputStart<P::Checkpoint>> {
    let command = &session.command;
    Ok(InputStart {
        task: command.task.clone(),
        task_id: command.task_id.clone(),
        name: command.name.clone(),
        checkpoint: typed::<P>(&command.checkpoint)?,
        dead_letter: command.dead_letter,
        max_line_bytes: session.max_line_bytes(),
    })
}

/// The states as the provider's own type.
fn typed<P: InputProvider>(states: &PartitionStates) -> Result<BTreeMap<String, P::Checkpoint>> {
    let read = |(part, state): (&String, &dstream_protocol::Json)| {
        let state = serde_json::from_str(state.get()).map_err(|e| {
            Error::permanent(format!(
                "the checkpoint of the partition `{part}` cannot be read: {e}; it was written by \
                 another provider or version; see `dstream state show`"
            ))
        })?;
        Ok((part.clone(), state))
    };
    states.iter().map(read).collect()
}

struct Running<P: InputProvider> {
    provider: P,
    batch: Batch<P::Checkpoint>,
    inbox: Inbox,
    sent: Sent,
    stdout: Stdout,
    stop: Stop,
    v2: bool,
    /// The newest checkpoint that the host has saved.
    saved: u64,
    /// Whether stdin has ended: nothing more will be said.
    closed: bool,
}

impl<P: InputProvider> Running<P> {
    /// Reads until the source ends or the host says stop. Then everything is sent up to a place
    /// where resuming is right.
    async fn run(&mut self) -> Result<(), Failure> {
        let mut next = Some(Next::More);
        while !self.stop.is_stopping() {
            self.hand_over_mail().await?;
            next = self.read().await?;
            if next == Some(Next::End) {
                return self.ended();
            }
            if self.stop.is_stopping() {
                break;
            }
            self.send()?;
            if let Some(Next::Wait(time)) = next {
                self.idle(time).await?;
            }
        }
        self.stopped(next).await
    }

    /// One call of the provider's `read`. `None`: it was given up after a stop.
    async fn read(&mut self) -> Result<Option<Next>, Failure> {
        let stop = self.stop.clone();
        let given_up = async {
            stop.stopped().await;
            tokio::time::sleep(READ_GRACE).await;
        };
        let next = tokio::select! {
            biased;
            next = alive(&mut self.stdout, self.provider.read(&mut self.batch)) => Some(next??),
            () = given_up => None,
        };
        if !P::DELIVERY.replayable && next.is_some() {
            self.batch.core.mark_safe();
        }
        self.batch.core.write_offered(true);
        Ok(next)
    }

    /// Sends what is in the batch.
    fn send(&mut self) -> Result<(), Failure> {
        let core = &mut self.batch.core;
        // One that was refused ends the run, also where the author let the error go.
        core.rejections.take()?;
        match &core.valid {
            _ if core.out.is_empty() => {}
            None => self.stdout.send(&core.out)?,
            Some(guard) if self.stdout.send_while(&core.out, &guard.0)? => {}
            Some(_) => {
                return Err(Failure::Error(Error::transient(
                    "the lease under which this was read is over: it is not sent, and read again by who has \
                     the lease now",
                )));
            }
        }
        core.sent();
        self.sent.push(core.take_written());
        Ok(())
    }

    /// Waits, and meanwhile sends the checkpoint that was offered once it is due, hands over what
    /// the host says, and says that it is alive.
    async fn idle(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time.min(FOREVER);
        loop {
            self.batch.core.write_offered(true);
            self.send()?;
            let now = Instant::now();
            if now >= end || self.stop.is_stopping() {
                return Ok(());
            }
            let due = self.batch.core.offered_in().unwrap_or(FOREVER);
            let wait = due.min(end - now).min(HEARTBEAT);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.inbox.arrived() => {}
                () = self.stop.stopped() => return Ok(()),
            }
            self.stdout.heartbeat()?;
            self.hand_over_mail().await?;
        }
    }

    /// The source has ended: the last checkpoint must stand at its end.
    fn ended(&mut self) -> Result<(), Failure> {
        let core = &mut self.batch.core;
        if core.is_open() && self.v2 {
            return Err(Failure::Error(Error::permanent(
                "the input ended with rows behind its last checkpoint: this is a fault of the \
                 provider, which must call `batch.checkpoint` before it returns `Next::End`",
            )));
        }
        core.write_offered(false);
        self.send()
    }

    /// The host said stop: goes back to the last place where resuming is right, or on to the next
    /// one where rows behind the last have been sent already.
    async fn stopped(&mut self, mut next: Option<Next>) -> Result<(), Failure> {
        let deadline = Instant::now() + STOP_GRACE;
        while self.v2 && !self.batch.core.can_be_safe() {
            self.send()?;
            let left = deadline.saturating_duration_since(Instant::now());
            match next {
                Some(Next::More) if !left.is_zero() => {}
                Some(Next::Wait(time)) if !left.is_zero() => {
                    tokio::time::sleep(time.min(left)).await
                }
                _ => {
                    // Without `@end` the host drops what follows the last checkpoint.
                    tracing::warn!("stopped in the middle of an interval; it will be read again");
                    return Err(Failure::Stopped);
                }
            }
            next = self.read().await?;
        }
        if self.v2 {
            self.batch.core.cut_to_safe();
        }
        self.batch.core.write_offered(false);
        self.send()
    }

    /// Says that this was all, and waits until the last checkpoint is saved.
    async fn finish(&mut self) -> Result<(), Failure> {
        self.stdout.control(&Control::end())?;
        let last = self.batch.core.last_id();
        self.hand_over_mail().await?;
        while self.v2 && self.saved < last && !self.closed {
            tokio::select! {
                () = self.inbox.arrived() => {}
                () = tokio::time::sleep(HEARTBEAT) => self.stdout.heartbeat()?,
            }
            self.hand_over_mail().await?;
        }
        Ok(())
    }

    /// Gives the provider what the host said.
    async fn hand_over_mail(&mut self) -> Result<(), Failure> {
        let mail = self.inbox.take();
        self.closed = mail.closed;
        for part in &mail.claimed {
            let state = part.state.as_ref().map(|state| serde_json::from_str(state.get()));
            let state = state.transpose().map_err(Error::from)?;
            let granted = Granted { state, epoch: part.epoch, shared: part.shared };
            self.provider.claimed(&part.part, granted).await?;
        }
        if let Some(id) = mail.committed {
            self.saved = self.saved.max(id);
            let states = self.sent.saved(id);
            if !states.is_empty() {
                self.provider.committed(&typed::<P>(&states)?).await?;
            }
        }
        Ok(())
    }
}
