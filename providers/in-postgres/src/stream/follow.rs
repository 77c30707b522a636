//! Follows the log: reads pieces of it, and says how far it is.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dstream_cdc::{Announced, Lag};
use dstream_postgres::{Message, Wire};
use dstream_sdk::{Batch, Next, Result};

use super::feed::Feed;
use super::handoff::Handoff;
use super::relations::Relations;
use super::streamed::{Replay, Streamed};
use super::transaction::Transaction;
use crate::explain;
use crate::lsn::Lsn;
use crate::state::{State, StreamState};

/// A read that finds nothing waits this long, while nothing is left to be saved.
const IDLE: Duration = Duration::from_millis(200);

/// …and while something is: until its checkpoint is due.
const BRISK: Duration = Duration::from_millis(5);

/// How often `@progress` is sent.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How the log is followed.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(crate) heartbeat: Duration,
    /// Where to end.
    pub(crate) until: Option<Lsn>,
    /// Where transactions are kept that are not committed yet.
    pub(crate) spool_folder: PathBuf,
    /// Whether the rows of a table are wanted that comes while the stream runs.
    pub(crate) read_new_tables: bool,
}

/// The stream while it runs.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) feed: Feed,
    /// For what the stream does not say of types.
    pub(super) catalog: Wire,
    pub(super) state: StreamState,
    pub(super) handoff: Handoff,
    pub(super) relations: Relations,
    pub(super) announced: Announced,
    pub(super) transaction: Option<Transaction>,
    /// Transactions that came before their commit.
    pub(super) streamed: Streamed,
    /// The one of them that was committed and is being handed on.
    pub(super) replay: Option<Box<Replay>>,
    /// The transaction was handed on in an earlier run.
    pub(super) skipping: bool,
    /// Lines of the transaction are out.
    pub(super) open_lines: bool,
    /// Tables that are to be read again once the transaction is over.
    pub(super) again: Vec<String>,
    pub(super) reread: bool,
    /// Some table's snapshot is not passed yet.
    pub(super) handing_over: bool,
    /// Tables whose state is not offered yet.
    pub(super) unsaved: Vec<String>,
    /// The server's clock at the last commit.
    pub(super) committed_at: i64,
    chunk: Vec<u8>,
    place: usize,
    pub(crate) following: Following,
    pub(super) offered: Instant,
    progressed: Instant,
    /// The end of the log, as the server last said.
    pub(crate) server_end: Lsn,
    server_time: i64,
}

impl Stream {
    pub(crate) fn new(
        feed: Feed,
        catalog: Wire,
        state: StreamState,
        handoff: Handoff,
        announced: Announced,
        following: Following,
    ) -> Self {
        let now = Instant::now();
        Self {
            feed,
            catalog,
            handing_over: handoff.0.values().any(|table| !table.done),
            handoff,
            announced,
            server_end: state.lsn,
            state,
            relations: Relations::default(),
            transaction: None,
            streamed: Streamed::new(following.spool_folder.clone()),
            replay: None,
            skipping: false,
            open_lines: false,
            again: Vec::new(),
            reread: false,
            unsaved: Vec::new(),
            committed_at: 0,
            chunk: Vec::new(),
            place: 0,
            following,
            offered: now,
            progressed: now,
            server_time: 0,
        }
    }

    /// Fills the batch from the log.
    pub(crate) async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        loop {
            self.replay(batch).await?;
            if self.replay.is_none() {
                self.drain(batch).await?;
            }
            if self.is_over() {
                return Ok(Next::End);
            }
            if batch.is_full() || self.reread {
                break;
            }
            if self.replay.is_some() {
                continue;
            }
            let chunk = match self.feed.try_next() {
                Some(chunk) => chunk,
                None if !batch.is_empty() => break,
                None => {
                    let wait = if self.offered.elapsed() < 2 * BRISK { BRISK } else { IDLE };
                    match tokio::time::timeout(wait, self.feed.next()).await {
                        Ok(chunk) => chunk,
                        Err(_) => break,
                    }
                }
            };
            self.chunk = chunk.map_err(|error| explain::replication(error, &self.state))?;
            self.place = 0;
        }
        self.report(batch);
        Ok(Next::More)
    }

    /// Whether tables have to be read again, because of a truncate between two parts of a snapshot.
    pub(crate) fn must_reread(&self) -> bool {
        self.reread
    }

    /// Everything before this is saved.
    pub(crate) fn confirm(&self, lsn: Lsn) {
        self.feed.confirm(lsn);
    }

    /// Whether everything that was sent is before the last checkpoint.
    pub(crate) fn is_between(&self) -> bool {
        self.transaction.is_none()
    }

    /// Whether the table's rows are read, or are being handed over.
    pub(crate) fn knows(&self, stream: &str) -> bool {
        self.handoff.0.contains_key(stream)
    }

    /// A connection for catalog queries.
    pub(crate) fn catalog(&mut self) -> &mut Wire {
        &mut self.catalog
    }

    pub(crate) fn close(self) {
        self.feed.close();
    }

    /// The messages of the piece that is here, until the batch is full.
    async fn drain(&mut self, batch: &mut Batch<State>) -> Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        let mut done = Ok(());
        while !batch.is_full() && !self.reread && self.replay.is_none() {
            let Some((message, length)) = Message::first(&chunk[self.place..])? else { break };
            self.place += length;
            done = match message {
                Message::CopyData(data) => self.take(data, batch).await,
                Message::Error(error) => Err(explain::replication((*error).into(), &self.state)),
                Message::CopyDone | Message::ReadyForQuery => Err(explain::ended()),
                _ => Ok(()),
            };
            if done.is_err() || self.is_over() {
                break;
            }
        }
        self.chunk = chunk;
        done
    }

    /// `w`: start, end of the log, clock, then the plugin's message. `k`: end of the log, clock,
    /// whether to answer.
    #[inline]
    async fn take(&mut self, data: &[u8], batch: &mut Batch<State>) -> Result<()> {
        let number = |at: usize| {
            data.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes)
        };
        match data.first() {
            Some(b'w') => {
                self.server_end = self.server_end.max(Lsn(number(9).unwrap_or(0)));
                self.server_time = number(17).unwrap_or(0).cast_signed();
                self.apply(data.get(25..).unwrap_or_default(), batch).await
            }
            Some(b'k') => {
                let end = Lsn(number(1).unwrap_or(0));
                self.server_end = self.server_end.max(end);
                self.server_time = number(9).unwrap_or(0).cast_signed();
                self.idle(end, data.last() == Some(&1), batch)
            }
            _ => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.transaction.is_none()
            && self.following.until.is_some_and(|until| self.state.lsn >= until)
    }

    fn report(&mut self, batch: &mut Batch<State>) {
        if self.progressed.elapsed() >= PROGRESS_EVERY {
            self.progressed = Instant::now();
            batch.progress(self.lag().progress());
        }
    }

    /// How far behind the server, by its own clock.
    pub(crate) fn lag(&self) -> Lag {
        let micros = match self.committed_at {
            0 => 0,
            at => self.server_time.saturating_sub(at).max(0),
        };
        Lag {
            position: self.state.lsn.to_string(),
            bytes: self.server_end.0.saturating_sub(self.state.lsn.0),
            time: Duration::from_micros(micros.unsigned_abs()),
        }
    }

    /// What the handoff knows of the tables, for a new snapshot.
    pub(crate) fn into_tables(self) -> (StreamState, Handoff, Announced) {
        let (state, handoff, announced) = (self.state.clone(), self.handoff, self.announced);
        self.feed.close();
        (state, handoff, announced)
    }
}
