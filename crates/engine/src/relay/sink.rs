//! The stdin of those that follow: one transform, or all outputs.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dstream_protocol::Committed;
use futures_util::future::try_join_all;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

use super::piece::{Piece, Text};
use crate::failure::Failure;
use crate::hub::{Hub, Index, Signal};

/// After this long without a write getting through, somebody should know.
const STALLED: Duration = Duration::from_secs(30);

/// Blocks that wait for an output that is not critical; more are dropped. A block is at most as
/// large as a reader's buffer, so this bounds memory.
const QUEUE: usize = 16;

/// Why a write did not get through.
#[derive(Debug)]
pub(crate) enum SinkError {
    /// That provider has closed its stdin; how it ended will be known soon.
    Broken(Index),
    /// A rule was broken.
    Failed(Failure),
}

/// All providers of the next step.
pub(crate) struct Sink {
    hub: Arc<Hub>,
    writers: Vec<Writer>,
}

struct Writer {
    seat: Index,
    v2: bool,
    pipe: Pipe,
}

enum Pipe {
    Direct(ChildStdin),
    /// An output that is not critical: never waited for.
    Queued {
        blocks: mpsc::Sender<Vec<u8>>,
        dropping: bool,
        /// Control lines (schemas) that came while dropping: they are not lost.
        missed: Vec<u8>,
    },
    Closed,
}

impl Sink {
    pub(crate) fn new(hub: &Arc<Hub>, pipes: Vec<(Index, ChildStdin)>) -> Self {
        let writers =
            pipes.into_iter().map(|(seat, stdin)| Writer::new(hub, seat, stdin)).collect();
        Self { hub: hub.clone(), writers }
    }

    /// Hands pieces of a block on; returns when every critical provider has taken them.
    pub(crate) async fn write(&mut self, block: &[u8], pieces: &[Piece]) -> Result<(), SinkError> {
        let hub = &self.hub;
        match self.writers.as_mut_slice() {
            [only] => only.write(hub, block, pieces).await,
            all => {
                let writes = all.iter_mut().map(|w| w.write(hub, block, pieces));
                try_join_all(writes).await.map(drop)
            }
        }
    }

    /// Tells every transactional output what is saved.
    pub(crate) async fn confirm(&mut self, id: u64) -> Result<(), SinkError> {
        let line = dstream_protocol::Control::Committed(Committed { id, ..Committed::default() });
        let bytes = line.to_line().into_bytes();
        for writer in &mut self.writers {
            if self.hub.seats[writer.seat].epoch.is_some() {
                writer.write_bytes(&self.hub, &bytes).await?;
            }
        }
        Ok(())
    }

    /// Closes every stdin: the end of the stream where `@end` went before, an abort otherwise.
    pub(crate) fn close(&mut self) {
        for writer in &mut self.writers {
            writer.pipe = Pipe::Closed;
        }
    }
}

impl Writer {
    fn new(hub: &Arc<Hub>, seat: Index, stdin: ChildStdin) -> Self {
        let who = &hub.seats[seat];
        let pipe =
            if who.critical { Pipe::Direct(stdin) } else { queued(hub.clone(), seat, stdin) };
        Self { seat, v2: who.v2, pipe }
    }

    async fn write(&mut self, hub: &Hub, block: &[u8], pieces: &[Piece]) -> Result<(), SinkError> {
        match &mut self.pipe {
            Pipe::Closed => return Ok(()),
            Pipe::Queued { .. } => {
                self.enqueue(hub, block, pieces);
                return Ok(());
            }
            Pipe::Direct(_) => {}
        }
        note(hub, self.seat, pieces);
        let mut run = 0..0;
        for piece in pieces {
            match piece_text(piece, self.v2) {
                None => {}
                Some(Text::At(at)) if at.start == run.end => run.end = at.end,
                Some(Text::At(at)) => {
                    self.write_bytes(hub, &block[run]).await?;
                    run = at;
                }
                Some(Text::Own(bytes)) => {
                    self.write_bytes(hub, &block[std::mem::take(&mut run)]).await?;
                    self.write_bytes(hub, &bytes).await?;
                }
            }
        }
        self.write_bytes(hub, &block[run]).await?;
        if self.v2 { Ok(()) } else { self.hand_over(hub, pieces) }
    }

    /// Version 1 says nothing of what it has done: handed over counts as committed.
    fn hand_over(&self, hub: &Hub, pieces: &[Piece]) -> Result<(), SinkError> {
        let newest = pieces.iter().rev().find_map(|p| match p {
            Piece::Checkpoint { id, .. } => Some(*id),
            _ => None,
        });
        let Some(id) = newest else { return Ok(()) };
        let committed = Committed { id, ..Committed::default() };
        hub.committed(self.seat, committed).map_err(SinkError::Failed)
    }

    async fn write_bytes(&mut self, hub: &Hub, bytes: &[u8]) -> Result<(), SinkError> {
        let Pipe::Direct(stdin) = &mut self.pipe else { return Ok(()) };
        if bytes.is_empty() {
            return Ok(());
        }
        let write = stdin.write_all(bytes);
        tokio::pin!(write);
        let mut waited = Duration::ZERO;
        loop {
            match tokio::time::timeout(STALLED, &mut write).await {
                Ok(done) => return done.map_err(|_| SinkError::Broken(self.seat)),
                Err(_) => {
                    waited += STALLED;
                    let who = &hub.seats[self.seat];
                    let message = format!(
                        "{} has taken no more lines for {waited:?}; its source is held back, nothing is lost",
                        crate::route::title(who.role, &who.name)
                    );
                    hub.report.warn(Some(&who.name), message);
                }
            }
        }
    }

    /// For an output that is not critical: takes the block if there is room, and drops up to the
    /// next checkpoint if there is none.
    fn enqueue(&mut self, hub: &Hub, block: &[u8], pieces: &[Piece]) {
        let Pipe::Queued { blocks, dropping, missed } = &mut self.pipe else { return };
        let resume = pieces.iter().position(|p| matches!(p, Piece::Checkpoint { .. }));
        let place = blocks.try_reserve().ok();
        let from = match (&place, *dropping) {
            (None, _) => pieces.len(),
            (Some(_), true) => resume.unwrap_or(pieces.len()),
            (Some(_), false) => 0,
        };
        let (lost, taken) = pieces.split_at(from);
        hub.counters.dropped.fetch_add(count(lost), Relaxed);
        for piece in lost.iter().filter(|p| matches!(p, Piece::Control { .. })) {
            append(missed, block, piece, self.v2);
        }
        *dropping = taken.is_empty() && (*dropping || place.is_none());
        if let Some(place) = place.filter(|_| !taken.is_empty()) {
            let mut bytes = std::mem::take(missed);
            taken.iter().for_each(|piece| append(&mut bytes, block, piece, self.v2));
            // Version 1 gives no account, and nobody waits for this one's commits.
            if self.v2 {
                note(hub, self.seat, taken);
            }
            place.send(bytes);
        }
    }
}

fn append(bytes: &mut Vec<u8>, block: &[u8], piece: &Piece, v2: bool) {
    match piece_text(piece, v2) {
        Some(Text::At(at)) => bytes.extend_from_slice(&block[at]),
        Some(Text::Own(own)) => bytes.extend_from_slice(&own),
        None => {}
    }
}

/// Enters what is about to be sent into the provider's account, before it can answer.
fn note(hub: &Hub, seat: Index, pieces: &[Piece]) {
    let mut account = hub.account(seat);
    for piece in pieces {
        match piece {
            Piece::Envelopes { lines, .. } => account.send(*lines),
            Piece::Foreign { .. } => account.send(1),
            Piece::Checkpoint { id, .. } => account.close(*id),
            Piece::Control { .. } => {}
        }
    }
}

fn count(pieces: &[Piece]) -> u64 {
    let lines = |p: &Piece| match p {
        Piece::Envelopes { lines, .. } => *lines,
        Piece::Foreign { .. } => 1,
        _ => 0,
    };
    pieces.iter().map(lines).sum()
}

/// What of a piece a provider of this version gets.
fn piece_text(piece: &Piece, v2: bool) -> Option<Text> {
    match piece {
        Piece::Envelopes { text, .. } => Some(text.clone()),
        Piece::Foreign { wrapped, .. } if v2 => Some(Text::Own(wrapped.clone())),
        Piece::Foreign { raw, .. } => Some(Text::At(raw.clone())),
        Piece::Checkpoint { text, .. } | Piece::Control { text } => v2.then(|| text.clone()),
    }
}

fn queued(hub: Arc<Hub>, seat: Index, mut stdin: ChildStdin) -> Pipe {
    let (blocks, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
    tokio::spawn(async move {
        while let Some(block) = queue.recv().await {
            if stdin.write_all(&block).await.is_err() {
                return hub.signal(Signal::Broken(seat));
            }
        }
    });
    Pipe::Queued { blocks, dropping: false, missed: Vec::new() }
}
