//! The rows as they stand: read by several connections, each in a consistent snapshot of which it
//! knows the place in the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use dstream_cdc::Key;
use dstream_mysql::mysql_async::Conn;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::{Server, error};
use dstream_sdk::{Context, Error, Result};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::config::Config;
use crate::consistent;
use crate::plan::Plan;
use crate::position::Position;
use crate::select;

/// Parts that wait to be taken, for each connection.
const WAITING: usize = 2;

/// A part is handed over at this size.
const PART_BYTES: usize = 128 << 10;

/// One range of a table's key that is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) plan: Arc<Plan>,
    pub(crate) lane: usize,
    /// Behind this key.
    pub(crate) after: Option<Key>,
    /// Up to and with this one.
    pub(crate) upto: Option<Key>,
}

/// Rows of a lane, in order.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) plan: Arc<Plan>,
    pub(crate) lane: usize,
    /// The snapshot holds what was committed before this place.
    pub(crate) point: Position,
    /// Envelopes without newlines, one behind the other.
    pub(crate) lines: Vec<u8>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
    /// The key of the last row, where the table has one that can be compared.
    pub(crate) last: Option<Key>,
    /// The lane is read.
    pub(crate) finished: bool,
}

/// The running readers; dropped, they end.
#[derive(Debug)]
pub(crate) struct Snapshot {
    parts: Receiver<Result<Part>>,
    readers: tokio::task::JoinSet<()>,
}

impl Snapshot {
    /// Opens the connections and begins to read.
    pub(crate) async fn begin(config: &Config, server: &Server, jobs: Vec<Job>) -> Result<Self> {
        let count = config.snapshot_parallelism.min(jobs.len()).max(1);
        let tables: Vec<_> = jobs.iter().map(|job| job.plan.name()).collect();
        let connections = consistent::connections(config, server, count, &tables).await?;
        let jobs = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let (sender, parts) = channel(WAITING * count);
        let mut readers = tokio::task::JoinSet::new();
        for (conn, point) in connections {
            readers.spawn(read(conn, point, jobs.clone(), sender.clone()));
        }
        Ok(Self { parts, readers })
    }

    /// The next part; `None`: all is read.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>> {
        match self.parts.recv().await {
            Some(part) => part.map(Some),
            None => {
                self.readers.abort_all();
                Ok(None)
            }
        }
    }
}

type Jobs = Arc<Mutex<VecDeque<Job>>>;

/// One connection: job after job.
async fn read(mut conn: Conn, point: Position, jobs: Jobs, parts: Sender<Result<Part>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(job) = job else { return };
        let table = job.plan.name();
        if let Err(error) = lane(&mut conn, &point, job, &parts).await {
            let what = format!("reading the rows of `{}`.`{}`", table.0, table.1);
            // Where nobody listens any more, nobody wants the error.
            let _gone = parts.send(Err(error.context(what))).await;
            return;
        }
    }
}

async fn lane(
    conn: &mut Conn,
    point: &Position,
    job: Job,
    parts: &Sender<Result<Part>>,
) -> Result<()> {
    let (sql, params) = select::statement(&job)?;
    let mut rows = conn.exec_iter(sql, params).await.map_err(error)?;
    let tail = job.plan.tail(point);
    let mut part = Part::new(&job, point);
    while let Some(row) = rows.next().await.map_err(error)? {
        select::render(&job.plan, &row, &tail, &mut part)
            .map_err(|e| Error::permanent(e.to_string()))?;
        if part.lines.len() >= PART_BYTES {
            let full = std::mem::replace(&mut part, Part::new(&job, point));
            parts.send(Ok(full)).await.or_transient("the reader has gone")?;
        }
    }
    part.finished = true;
    parts.send(Ok(part)).await.or_transient("the reader has gone")
}

impl Part {
    fn new(job: &Job, point: &Position) -> Self {
        let (plan, lane, point) = (job.plan.clone(), job.lane, point.clone());
        let (lines, ends) = (Vec::new(), Vec::new());
        Self { plan, lane, point, lines, ends, last: None, finished: false }
    }

    /// The envelopes, one by one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.lines[from..*to])
    }
}
