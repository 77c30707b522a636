//! The input: first the snapshot, where one is wanted, then the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dstream_cdc::{Lag, TableState, Until, stream_name};
use dstream_mysql::Server;
use dstream_sdk::{Batch, Error, InputProvider, InputStart, Next, Result, tracing};

use crate::config::Config;
use crate::followed::Followeds;
use crate::handoff::Handoff;
use crate::log::{Log, Looked};
use crate::plan::Plan;
use crate::position::Position;
use crate::snapshot::{Job, Part, Snapshot};
use crate::state::State;
use crate::{dump, source, start};

/// How long a look at an empty log takes; what comes ends it at once.
const LOOK: Duration = Duration::from_millis(100);

/// A checkpoint is offered at the first transaction's end after so many rows.
const ROWS_PER_OFFER: u64 = 200;

/// See the file's head.
pub(crate) struct MysqlInput {
    config: Config,
    server: Server,
    handoff: Handoff,
    snapshot: Option<Snapshot>,
    /// Tables without a usable key of which some rows were sent: no checkpoint is right until all
    /// of them are.
    halves: BTreeSet<String>,
    log: Log,
    /// End here.
    until: Option<Position>,
    offered: bool,
    rows: u64,
    measured: Instant,
}

impl InputProvider for MysqlInput {
    type Config = Config;
    type Checkpoint = State;

    async fn open(config: Config, mut command: InputStart<State>) -> Result<Self> {
        let meant = config.tables()?;
        let mut conn = dstream_mysql::connect(&config.connection).await?;
        let server = Server::ask(&mut conn).await?;
        source::verify(&mut conn, &server).await?;
        let found = source::named_tables(&mut conn, &meant).await?;
        let end = source::end_of_log(&mut conn, &server).await?;
        let (from, tables) =
            start::begin(&config, &server, &mut conn, &mut command.checkpoint, &end).await?;
        let resumed = from.is_some();
        let from = from.unwrap_or_else(|| end.clone());
        let mut handoff = Handoff::new(tables);
        for (database, name) in &found {
            let stream = stream_name(database, name);
            if handoff.get(&stream).is_none() {
                if resumed {
                    tracing::info!(stream, "a table that is new here");
                }
                let state = start::first_state(&config, &server, &mut conn, database, name).await?;
                handoff.insert(&stream, state);
            }
        }
        let server_id = config.server_id(&command.task, &command.name);
        // Begun before the snapshot: the server removes no log that somebody reads.
        let stream = dump::begin(&config, &server, server_id, &from).await?;
        let followeds = Followeds::new(conn, &server, meant).await?;
        let log = Log::new(stream, followeds, server.clone(), server_id, from);
        let until = (config.until == Until::CaughtUp).then_some(end.position);
        let measured = Instant::now();
        let (snapshot, halves, offered, rows) = (None, BTreeSet::new(), false, 0);
        Ok(Self { config, server, handoff, snapshot, halves, log, until, offered, rows, measured })
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        if !self.offered {
            // What was decided at the start is known before the first row is.
            self.offer(batch)?;
            self.offered = true;
        }
        if self.handoff.unread().is_empty() || !self.log.is_between() {
            return self.follow(batch).await;
        }
        self.read_snapshot(batch).await
    }
}

impl MysqlInput {
    /// Rows of the snapshot, until the batch is full.
    async fn read_snapshot(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        if self.snapshot.is_none() {
            let jobs = self.jobs().await?;
            self.snapshot = Some(Snapshot::begin(&self.config, &self.server, jobs).await?);
        }
        let Some(snapshot) = &mut self.snapshot else { return Ok(Next::More) };
        while !batch.is_full() {
            match tokio::time::timeout(LOOK, snapshot.next()).await {
                Err(_) => break,
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Some(part))) => {
                    let announced = &mut self.log.announced;
                    announced.announce(&part.plan.table.schema, batch)?;
                    take(&part, &mut self.handoff, &mut self.halves, batch)?;
                }
                Ok(Ok(None)) => {
                    self.snapshot = None;
                    if let Some(stream) = self.handoff.unread().first() {
                        let message = format!("the snapshot of `{stream}` ended before its end");
                        return Err(Error::transient(message));
                    }
                    tracing::info!("the snapshot is read; the log follows");
                    break;
                }
            }
        }
        Ok(Next::More)
    }

    /// A job for each lane that is not read.
    async fn jobs(&mut self) -> Result<Vec<Job>> {
        let server = self.server.clone();
        let meant = self.config.tables()?;
        let mut jobs = Vec::new();
        let unread = self.handoff.unread();
        for (database, name) in source::tables(self.log.conn(), &meant).await? {
            let stream = stream_name(&database, &name);
            if !unread.contains(&stream) {
                continue;
            }
            let plan = Plan::of(self.log.conn(), &database, &name, server.is_mariadb()).await?;
            let Some(state) = self.handoff.get_mut(&stream) else { continue };
            let key: &[String] = if plan.order.is_empty() { &[] } else { &plan.table.schema.key };
            state.require_key(&stream, key)?;
            let plan = Arc::new(plan);
            if plan.order.is_empty() {
                // Its rows have no order to go on in.
                state.restart();
            }
            for (lane, range) in state.lanes.iter().enumerate().filter(|(_, l)| !l.is_read()) {
                let (after, upto) = (range.after().cloned(), range.to.clone());
                jobs.push(Job { plan: plan.clone(), lane, after, upto });
            }
        }
        let gone = |stream: &&String| !jobs.iter().any(|job| job.plan.table.stream() == **stream);
        for stream in unread.iter().filter(gone) {
            tracing::warn!(stream, "the table is gone before its snapshot was read");
            self.handoff.insert(stream, TableState::done());
        }
        Ok(jobs)
    }

    /// What the log has, until the batch is full or there is nothing more.
    async fn follow(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        self.measure(batch).await?;
        loop {
            if self.log.is_between() {
                if self.until.as_ref().is_some_and(|until| self.log.position() >= until) {
                    self.offer(batch)?;
                    return Ok(Next::End);
                }
                if self.rows >= ROWS_PER_OFFER || batch.is_full() {
                    self.offer(batch)?;
                }
                if !self.handoff.unread().is_empty() {
                    return Ok(Next::More);
                }
            }
            if batch.is_full() {
                return Ok(Next::More);
            }
            match self.log.next(None, &mut self.handoff, batch).await? {
                Looked::Event => self.rows += 1,
                Looked::End => return Err(Error::transient("the server ended the stream")),
                Looked::Nothing => {
                    if self.log.is_between() && self.rows > 0 {
                        self.offer(batch)?;
                    }
                    if !batch.is_empty() {
                        return Ok(Next::More);
                    }
                    if self.log.next(Some(LOOK), &mut self.handoff, batch).await? == Looked::Nothing
                    {
                        return Ok(Next::More);
                    }
                    self.rows += 1;
                }
            }
        }
    }

    fn offer(&mut self, batch: &mut Batch<State>) -> Result<()> {
        self.rows = 0;
        // Not only transactions take the log past a snapshot: a new file does, and the server's notes.
        self.handoff.pass(self.log.position());
        let mut states = self.handoff.take_moved();
        states.push((String::new(), State::Log(self.log.state())));
        offer(&states, batch)
    }

    /// How far behind; every so often.
    async fn measure(&mut self, batch: &mut Batch<State>) -> Result<()> {
        if self.measured.elapsed() < *self.config.heartbeat_interval {
            return Ok(());
        }
        self.measured = Instant::now();
        let bytes = self.log.behind().await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let commit = Duration::from_secs(u64::try_from(self.log.last_commit).unwrap_or_default());
        let known = bytes > 0 && !commit.is_zero();
        let time = if known { now.saturating_sub(commit) } else { Duration::ZERO };
        let position = self.log.position().to_string();
        tracing::debug!(
            position,
            until = ?self.until,
            between = self.log.is_between(),
            unread = ?self.handoff.unread(),
            "following"
        );
        if self.config.max_lag_bytes.is_some_and(|most| bytes > most.0) {
            tracing::warn!(bytes, position, "the input is far behind the log (max_lag_bytes)");
        }
        batch.progress(Lag { position, bytes, time }.progress());
        Ok(())
    }
}

/// Hands on a part of the snapshot, and notes what was read.
fn take(
    part: &Part,
    handoff: &mut Handoff,
    halves: &mut BTreeSet<String>,
    batch: &mut Batch<State>,
) -> Result<()> {
    for line in part.lines() {
        batch.line(|out| out.extend_from_slice(line))?;
    }
    let stream = part.plan.table.stream();
    let Some(state) = handoff.get_mut(stream) else { return Ok(()) };
    let Some(lane) = state.lanes.get_mut(part.lane) else { return Ok(()) };
    match (&part.last, part.finished) {
        (_, true) => {
            lane.finish(&part.point);
            halves.remove(stream);
        }
        (Some(key), false) => lane.advance(key.clone(), &part.point),
        // Without a key there is no place to go on from: all of it, or nothing.
        (None, false) => {
            halves.insert(stream.to_owned());
        }
    }
    if halves.is_empty() { offer(&handoff.take_moved(), batch) } else { Ok(()) }
}

/// As one: the log's place and the tables' states belong together.
fn offer(states: &[(String, State)], batch: &mut Batch<State>) -> Result<()> {
    batch.checkpoint_parts(states.iter().map(|(part, state)| (part.as_str(), state)))
}
