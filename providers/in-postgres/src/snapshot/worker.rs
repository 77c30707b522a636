//! One connection that reads ranges in the snapshot.

use dstream_cdc::Key;
use dstream_postgres::{Message, Target, Wire, quote};
use dstream_sdk::{Batch, Error, Result};

use super::Exported;
use super::copy;
use super::statement;
use super::tables::Reading;
use crate::lsn::Lsn;
use crate::setup::server;
use crate::state::State;

/// A range of a table, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) table: usize,
    pub(super) lane: usize,
}

/// What one look at a connection brought.
#[derive(Debug)]
pub(super) enum Turn {
    Nothing,
    /// So many rows, up to and with this key.
    Rows(u64, Option<Key>),
    /// So many rows, up to and with this key, and the range is read.
    Done(u64, Option<Key>),
}

impl Turn {
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rows(rows, _) | Self::Done(rows, _) => *rows,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(super) wire: Wire,
    encoding: String,
    job: Option<Job>,
    failed: Option<dstream_postgres::Error>,
    /// The last row of a look, whose key the checkpoint holds.
    last: Vec<u8>,
    scratch: Vec<u8>,
    tail: Vec<u8>,
}

impl Worker {
    /// Connects, and sees what the snapshot sees.
    pub(crate) async fn connect(target: &Target, exported: &Exported<'_>) -> Result<Self> {
        let mut wire = server::connect(target).await?;
        wire.query("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            .await?;
        wire.query(match exported.own_sql {
            true => "RESET search_path",
            // A policy that hides rows is an error, not a gap.
            false => "SET row_security = off",
        })
        .await?;
        wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        wire.query(&format!("SET TRANSACTION SNAPSHOT {}", quote::literal(exported.snapshot)))
            .await?;
        let encoding = exported.encoding.to_owned();
        Ok(Self {
            wire,
            encoding,
            job: None,
            failed: None,
            last: Vec::new(),
            scratch: Vec::new(),
            tail: Vec::new(),
        })
    }

    /// The connection, for questions about what the snapshot sees.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    pub(super) fn is_idle(&self) -> bool {
        self.job.is_none()
    }

    pub(super) fn job(&self) -> Option<Job> {
        self.job
    }

    /// Asks for the rest of a range.
    pub(super) async fn start(&mut self, job: Job, reading: &Reading) -> Result<()> {
        let Some(lane) = reading.state.lanes.get(job.lane) else { return Ok(()) };
        let sql = match &reading.select {
            None => statement::copy(&reading.info, &reading.table, lane, &self.encoding),
            Some(select) => statement::select(select, &reading.table, lane),
        };
        tracing::debug!(sql, "reading");
        self.wire.begin(&sql).await?;
        self.job = Some(job);
        self.last.clear();
        Ok(())
    }

    pub(super) async fn fill(&mut self) -> dstream_postgres::Result<()> {
        self.wire.fill().await
    }

    /// Takes rows that have come, until there are none or the batch is full.
    pub(super) fn drain(
        &mut self,
        reading: &Reading,
        point: Lsn,
        batch: &mut Batch<State>,
    ) -> dstream_postgres::Result<Turn> {
        let table = &reading.table;
        if self.tail.is_empty() {
            self.tail = copy::tail(point);
        }
        let mut rows = 0;
        while !batch.is_full() || rows == 0 {
            match self.wire.buffered()? {
                None => break,
                Some(Message::CopyData(line)) => {
                    rows += 1;
                    let (tail, scratch) = (&self.tail, &mut self.scratch);
                    batch.line(|out| copy::row(out, table, tail, line, scratch))?;
                    if !table.key.is_empty() {
                        self.last.clear();
                        self.last.extend_from_slice(line);
                    }
                }
                // What belongs to it may come only with the next look.
                Some(Message::Error(error)) => self.failed = Some((*error).into()),
                Some(Message::ReadyForQuery) => {
                    self.job = None;
                    if let Some(error) = self.failed.take() {
                        return Err(error);
                    }
                    return Ok(Turn::Done(rows, self.last_key(reading)?));
                }
                Some(_) => {}
            }
        }
        if rows == 0 {
            return Ok(Turn::Nothing);
        }
        Ok(Turn::Rows(rows, self.last_key(reading)?))
    }

    /// The key of the last row, where there is one.
    fn last_key(&self, reading: &Reading) -> Result<Option<Key>> {
        if reading.table.key.is_empty() || self.last.is_empty() {
            return Ok(None);
        }
        match copy::key(&reading.table, &self.last) {
            None if reading.select.is_some() => Err(Error::config(
                "key",
                format!(
                    "a row of {} has a null among {}: a key has to tell every row apart, so that a read can go on \
                     behind any of them. Name other columns, or leave the row out",
                    reading.table.stream(),
                    reading.table.order().join(", ")
                ),
            )),
            key => Ok(key),
        }
    }
}
