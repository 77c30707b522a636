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
    turn: Option<OwnedMutexGuard<Sink>>,
    /// Envelopes have been handed on since the last checkpoint.
    open: bool,
}

impl<R: PumpRules> Pump<R> {
    /// A hop that gives its turn up after every block; see [`whole_intervals`](Self::whole_intervals).
    pub(crate) fn new(
        hub: Arc<Hub>,
        seat: Index,
        stdout: LineReader<Stdout>,
        rules: R,
        sink: Shared,
    ) -> Self {
        Self { hub, seat, stdout, rules, sink, whole_intervals: false, turn: None, open: false }
    }

    /// Runs until the stream ends. What follows the last newline is left in the reader.
    pub(crate) async fn run(&mut self) -> Result<(), SinkError> {
        let mut more = true;
        let mut ended = false;
        // What came together with the handshake is there before the first read.
        loop {
            let due = self.rules.due().is_some_and(|due| due <= Instant::now());
            if due || !self.stdout.lines().is_empty() {
                self.take_the_turn().await;
                self.hand_on().await?;
            }
            // Only now: what came before `@end` has been handed on.
            if !ended && self.rules.has_ended() {
                ended = true;
                self.hub.signal(Signal::Ended(self.seat));
            }
            if !more {
                return Ok(());
            }
            more = self.fill().await?;
        }
    }

    /// Waits until nobody else writes. Checkpoints get their ids after this, so that they reach the
    /// output in the order of their ids: committing one commits all that came before.
    pub(crate) async fn take_the_turn(&mut self) {
        if self.turn.is_none() {
            self.turn = Some(self.sink.clone().lock_owned().await);
        }
    }

    /// Hands the whole lines on that are there, and a checkpoint of the host's own.
    async fn hand_on(&mut self) -> Result<(), SinkError> {
        let block = self.stdout.lines();
        let done = block.len();
        let mut pieces = match sort(block, &mut self.rules) {
            Ok(pieces) => pieces,
            Err(failure) => {
                self.pass_the_turn(&[]);
                return Err(SinkError::Failed(failure));
            }
        };
        pieces.extend(self.rules.insert(false));
        let written = match &mut self.turn {
            Some(sink) if !pieces.is_empty() => sink.write(block, &pieces).await,
            _ => Ok(()),
        };
        self.pass_the_turn(&pieces);
        self.stdout.consume(done);
        written
    }

    /// Hands on what the host itself has to add: the last line of a version-1 input, a checkpoint.
    pub(crate) async fn add(&mut self, pieces: &[Piece]) -> Result<(), SinkError> {
        let written = match &mut self.turn {
            Some(sink) => sink.write(&[], pieces).await,
            None => Ok(()),
        };
        self.pass_the_turn(pieces);
        written
    }

    /// Lets the others write, unless they would come into the middle of an interval.
    fn pass_the_turn(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Envelopes { .. } | Piece::Foreign { .. } => self.open = true,
                Piece::Checkpoint { .. } => self.open = false,
                // A schema or a claim belongs to no interval: its input may be idle for long.
                Piece::Control { .. } => {}
            }
        }
        if !(self.whole_intervals && self.open) {
            self.turn = None;
        }
    }

    /// What broke off in the middle of an interval holds its turn until the attempt is over: the
    /// next checkpoint of another input would commit that half.
    pub(crate) async fn keep_the_turn(self) {
        if self.turn.is_some() {
            std::future::pending().await
        }
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
