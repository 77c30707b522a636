//! Reads the rows that are there already, in one consistent snapshot, several ranges at a time.

mod copy;
mod hold;
mod making;
mod statement;
mod tables;
mod worker;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dstream_cdc::Announced;
use dstream_postgres::Target;
use dstream_sdk::{Batch, Error, Next, Progress, Result};
use futures_util::future::select_all;
use serde_json::json;

use crate::explain;
use crate::lsn::Lsn;
use crate::state::State;

pub(crate) use hold::Held;
pub(crate) use making::{Made, Making};
pub(crate) use tables::{LARGE, RANGES_EACH, Reading, Select, plan_lanes, splits};
pub(crate) use worker::Worker;
use worker::{Job, Turn};

/// How long a read waits for the server.
const PATIENCE: Duration = Duration::from_millis(200);

const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// A snapshot that connections can import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exported<'a> {
    pub(crate) point: Lsn,
    pub(crate) snapshot: &'a str,
    /// The server's.
    pub(crate) encoding: &'a str,
    /// Statements are the user's own: names are looked up, and policies hold, as for any other
    /// statement of the role.
    pub(crate) own_sql: bool,
}

/// The snapshot while it is read.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) point: Lsn,
    pub(crate) tables: Vec<Reading>,
    workers: Vec<Worker>,
    /// Lanes of tables with a key, then tables without one.
    keyed: VecDeque<Job>,
    keyless: VecDeque<Job>,
    rows: u64,
    progressed: Instant,
}

impl Snapshot {
    /// Imports the exported snapshot into as many connections as there is work for. The exported
    /// one is not needed any more when this returns. `first` has it already, and the locks.
    pub(crate) async fn begin(
        target: &Target,
        exported: &Exported<'_>,
        first: Worker,
        tables: Vec<Reading>,
        parallelism: usize,
    ) -> Result<Self> {
        let jobs = tables.iter().enumerate().flat_map(|(table, reading)| {
            let open = reading.state.lanes.iter().enumerate().filter(|(_, lane)| !lane.is_read());
            open.map(move |(lane, _)| Job { table, lane })
        });
        let (keyed, keyless): (Vec<Job>, Vec<Job>) =
            jobs.partition(|job| !tables[job.table].state.key.is_empty());
        let wanted = parallelism.min(keyed.len()).max(1);
        let mut workers = vec![first];
        while workers.len() < wanted {
            let mut worker = Worker::connect(target, exported).await?;
            let held = tables.iter().filter(|reading| reading.is_table()).map(|r| &r.info);
            if let Held::NotYet(table) = worker.hold(held).await? {
                // Somebody waits for it until we have read it: waiting for them would be for ever.
                tracing::info!(
                    table,
                    connections = workers.len(),
                    "another session wants to change the table: it is read by fewer connections"
                );
                break;
            }
            workers.push(worker);
        }
        Ok(Self {
            point: exported.point,
            tables,
            workers,
            keyed: keyed.into(),
            keyless: keyless.into(),
            rows: 0,
            progressed: Instant::now(),
        })
    }

    /// Fills the batch with rows. [`Next::End`]: everything is read.
    pub(crate) async fn read(
        &mut self,
        announced: &mut Announced,
        batch: &mut Batch<State>,
    ) -> Result<Next> {
        loop {
            if self.assign(announced, batch).await? {
                return Ok(Next::End);
            }
            let full = self.drain(batch)?;
            self.report(batch);
            if full {
                return Ok(Next::More);
            }
            if self.workers.iter().any(Worker::is_idle) && !self.keyed.is_empty() {
                continue;
            }
            let wait = if batch.is_empty() { PATIENCE } else { Duration::ZERO };
            let busy = self.workers.iter_mut().filter(|worker| !worker.is_idle());
            let filling: Vec<_> = busy.map(|worker| Box::pin(worker.fill())).collect();
            if filling.is_empty() {
                continue;
            }
            match tokio::time::timeout(wait, select_all(filling)).await {
                Ok((filled, ..)) => filled?,
                Err(_) => return Ok(Next::More),
            }
        }
    }

    /// Gives idle workers their next range; says whether there is nothing left.
    async fn assign(
        &mut self,
        announced: &mut Announced,
        batch: &mut Batch<State>,
    ) -> Result<bool> {
        for at in 0..self.workers.len() {
            if !self.workers[at].is_idle() {
                continue;
            }
            let others_idle = self.workers.iter().all(Worker::is_idle);
            // A table without a key has no place to resume at: nothing else is read meanwhile, so
            // that a checkpoint never stands in the middle of it.
            let next = match self.keyed.pop_front() {
                None if others_idle => self.keyless.pop_front(),
                next => next,
            };
            let Some(job) = next else { continue };
            let reading = &mut self.tables[job.table];
            announced.announce(&reading.table.schema, batch)?;
            if std::mem::take(&mut reading.truncate) {
                let table = &reading.table;
                batch.line(|out| copy::truncate_line(out, table, self.point))?;
            }
            self.workers[at].start(job, reading).await?;
        }
        if !self.keyed.is_empty() || !self.keyless.is_empty() {
            return Ok(false);
        }
        // One that has nothing more to read holds nobody up any longer.
        self.workers.retain(|worker| !worker.is_idle());
        Ok(self.workers.is_empty())
    }

    /// Takes what has come; says whether the batch is full.
    fn drain(&mut self, batch: &mut Batch<State>) -> Result<bool> {
        for worker in &mut self.workers {
            let Some(job) = worker.job() else { continue };
            let reading = &mut self.tables[job.table];
            let turn = worker.drain(reading, self.point, batch);
            let turn = turn.map_err(|e| explain::snapshot(e, &reading.sql_name()))?;
            self.rows += turn.rows();
            settle(reading, job, turn, self.point, batch)?;
            if batch.is_full() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn report(&mut self, batch: &mut Batch<State>) {
        if self.progressed.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.progressed = Instant::now();
        let busy = self.workers.iter().filter_map(Worker::job);
        let names: Vec<&str> = busy.map(|job| self.tables[job.table].table.stream()).collect();
        let total = self.tables.iter().map(|reading| reading.info.rows).sum::<u64>();
        batch.progress(Progress {
            position: Some(json!({"snapshot": names, "at": self.point.to_string()})),
            done: Some(self.rows),
            total: Some(total.max(self.rows)),
            ..Progress::default()
        });
    }
}

/// Notes what was read and offers a checkpoint, where there is a place to resume at.
fn settle(
    reading: &mut Reading,
    job: Job,
    turn: Turn,
    point: Lsn,
    batch: &mut Batch<State>,
) -> Result<()> {
    let Some(lane) = reading.state.lanes.get_mut(job.lane) else {
        return Err(Error::permanent("a range of the table is missing"));
    };
    let incremental = reading.select.as_ref().is_some_and(|select| select.incremental);
    match turn {
        Turn::Nothing => return Ok(()),
        Turn::Rows(_, None) => return Ok(()),
        Turn::Rows(_, Some(key)) => lane.advance(key, &point),
        // What comes later is behind the last row.
        Turn::Done(_, Some(key)) if incremental => lane.advance(key, &point),
        Turn::Done(..) if incremental => {}
        Turn::Done(..) => lane.finish(&point),
    }
    batch.checkpoint_part(reading.table.stream(), &reading.checkpoint())
}
