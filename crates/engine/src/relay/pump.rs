//! Reads one provider's stdout and hands its lines to those that follow.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

use super::piece::{Piece, Rules, sort};
use super::sink::{Sink, SinkError};
use crate::failure::{Failure, FailureKind};
use crate::hub::{Hub, Index, Signal};
use crate::lines::{LineError, LineReader};
use crate::process::Stdout;

/// Where lines go. Whoever holds it writes; nobody else's lines come in between.
pub(crate) type Shared = Arc<Mutex<Sink>>;

/// What a pump's rules can do beside sorting.
pub(crate) trait PumpRules: Rules {
    /// A checkpoint to put in after the lines so far, where the provider has none of its own.
    fn insert(&mut self, now: bool) -> Option<Piece>;

    /// Whether the provider has said that its stream ended.
    fn has_ended(&self) -> bool;

    /// When such a checkpoint is due even if no line comes.
    fn due(&self) -> Option<Instant>;
}

/// One hop.
pub(crate) struct Pump<R> {
    pub(crate) hub: Arc<Hub>,
    pub(crate) seat: Index,
    pub(crate) stdout: LineReader<Stdout>,
    pub(crate) rules: R,
    pub(crate) sink: Shared,
    /// Others write to the same sink, whose commit must not hold half an interval of this one: give
    /// it up only right after a checkpoint.
    pub(crate) whole_intervals: bool,
}

impl<R: PumpRules> Pump<R> {
    /// Runs until the stream ends. What follows the last newline is left in the reader.
    pub(crate) async fn run(&mut self) -> Result<(), SinkError> {
        let mut turn: Option<OwnedMutexGuard<Sink>> = None;
        let mut more = true;
        let mut ended = false;
        // What came together with the handshake is there before the first read.
        loop {
            let block = self.stdout.lines();
            let mut pieces = sort(block, &mut self.rules).map_err(SinkError::Failed)?;
            pieces.extend(self.rules.insert(false));
            if !pieces.is_empty() {
                let mut sink = match turn.take() {
                    Some(held) => held,
                    None => self.sink.clone().lock_owned().await,
                };
                sink.write(block, &pieces).await?;
                let closed = matches!(pieces.last(), Some(Piece::Checkpoint { .. }));
                turn = (self.whole_intervals && !closed).then_some(sink);
            }
            let done = block.len();
            self.stdout.consume(done);
            // Only now: what came before `@end` has been handed on.
            if !ended && self.rules.has_ended() {
                ended = true;
                turn = None;
                self.hub.signal(Signal::Ended(self.seat));
            }
            if !more {
                return Ok(());
            }
            more = self.fill().await?;
        }
    }

    /// Hands on what the host itself has to add: the last line of a version-1 input, a checkpoint.
    pub(crate) async fn add(&mut self, pieces: &[Piece]) -> Result<(), SinkError> {
        self.sink.clone().lock_owned().await.write(&[], pieces).await
    }

    /// Reads and forgets, after something went wrong: the host always reads.
    pub(crate) async fn discard(&mut self) {
        while self.stdout.fill().await.unwrap_or(false) {
            let whole = self.stdout.lines().len() + self.stdout.rest().len();
            self.stdout.consume(whole);
        }
    }

    async fn fill(&mut self) -> Result<bool, SinkError> {
        let filled = match self.rules.due() {
            // Nothing came in time: the stream goes on, and the checkpoint is due.
            Some(due) => timeout_at(due, self.stdout.fill()).await.unwrap_or(Ok(true)),
            None => self.stdout.fill().await,
        };
        filled.map_err(|e| SinkError::Failed(unreadable(&self.hub, self.seat, e)))
    }
}

/// Why a provider's stdout cannot be read on.
pub(crate) fn unreadable(hub: &Hub, seat: Index, error: LineError) -> Failure {
    let who = &hub.seats[seat];
    match error {
        LineError::TooLong { .. } => {
            let message = format!("on its stdout, {error}");
            who.failure(FailureKind::Protocol, message)
                .help("raise `max_line_bytes` in the task if such lines are right")
        }
        LineError::Io(e) => {
            who.failure(FailureKind::Crash, format!("its stdout cannot be read: {e}"))
        }
    }
}
