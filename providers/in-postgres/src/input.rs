//! The input: sets up, reads what is there, then follows the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_cdc::Announced;
use dstream_postgres::{Target, Wire, quote};
use dstream_sdk::{
    Batch, Cadence, Delivery, Error, InputProvider, InputStart, Next, Progress, Result,
};

use crate::catalog::text;
use crate::config::{Config, Snapshot as When, Until};
use crate::lsn::Lsn;
use crate::setup::server::Server;
use crate::setup::slot;
use crate::snapshot::{Exported, Held, Made, Making, Snapshot, Worker};
use crate::start::{self, Plan};
use crate::state::{State, StreamState};
use crate::stream::{self, Feed, Following, Replication, Stream};
use crate::watch::Watch;

/// Between two attempts to lock the tables.
const PAUSE: Duration = Duration::from_millis(200);

/// The place for the next record stands behind the header of its page, at most so many bytes
/// behind the end of the last record.
const PAGE_HEADER: u64 = 64;

/// Reads a database.
pub(crate) struct PostgresInput {
    pub(crate) config: Config,
    pub(crate) target: Target,
    pub(crate) server: Server,
    pub(crate) publication: String,
    pub(crate) slot: String,
    /// For catalog queries.
    pub(crate) catalog: Option<Wire>,
    phase: Phase,
    announced: Announced,
    /// The newest place that the host has saved.
    confirmed: Lsn,
    watch: Watch,
}

enum Phase {
    /// The slot whose snapshot is read is being made.
    Making(Box<Making>, Plan),
    /// Its snapshot is there, and the tables are not locked yet.
    Holding(Box<(Made, Worker)>, Plan),
    Snapshot(Box<Snapshot>, Plan),
    Stream(Box<Stream>),
    /// Between two phases; an error ended it there.
    Nothing,
}

impl InputProvider for PostgresInput {
    type Config = Config;
    type Checkpoint = State;

    const DELIVERY: Delivery = Delivery { replayable: true, prunes_on_ack: true, ..Delivery::NONE };

    /// A change is of no use to the output before its checkpoint: they come often.
    const CADENCE: Cadence =
        Cadence { lines: 10_000, bytes: 1 << 20, time: Duration::from_millis(5) };

    async fn open(config: Config, start: InputStart<State>) -> Result<Self> {
        config.check()?;
        let target = config.connection.target()?;
        let mut catalog = crate::setup::server::connect(&target).await?;
        let server = Server::look(&mut catalog).await?;
        server.require()?;
        let (publication, slot) = config.names(&start.task, &start.name);
        let mut input = Self {
            watch: Watch::new(&config, &publication, &slot, &start.task_id, server.version),
            config,
            target,
            server,
            publication,
            slot,
            catalog: Some(catalog),
            phase: Phase::Nothing,
            announced: Announced::default(),
            confirmed: Lsn(0),
        };
        let plan = start::plan(&mut input, start).await?;
        input.phase = input.begin(plan).await?;
        Ok(input)
    }

    fn fingerprint(&self) -> Option<String> {
        Some(self.server.fingerprint())
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        match std::mem::replace(&mut self.phase, Phase::Nothing) {
            Phase::Making(making, plan) => self.make(making, plan, batch).await,
            Phase::Holding(snapshot, plan) => self.hold(snapshot, plan, batch).await,
            Phase::Snapshot(mut snapshot, plan) => {
                let next = snapshot.read(&mut self.announced, batch).await?;
                self.phase = match next {
                    Next::End => self.passed(*snapshot, plan).await?,
                    _ => Phase::Snapshot(snapshot, plan),
                };
                Ok(Next::More)
            }
            Phase::Stream(mut stream) => {
                let read = stream.read(batch).await;
                if read.is_ok() && stream.must_reread() && !batch.is_stopping() {
                    self.phase = self.reread(*stream).await?;
                    return Ok(Next::More);
                }
                self.watch.look(&mut stream).await;
                if matches!(read, Ok(Next::More))
                    && !batch.is_stopping()
                    && stream.is_between()
                    && self.watch.finds_tables(&mut stream).await
                {
                    self.phase = self.reread(*stream).await?;
                    return Ok(Next::More);
                }
                self.phase = Phase::Stream(stream);
                read
            }
            Phase::Nothing => Err(Error::permanent("the input was read after it had failed")),
        }
    }

    async fn committed(&mut self, states: &BTreeMap<String, State>) -> Result<()> {
        if let Some(State::Stream(state)) = states.get("") {
            self.confirmed = self.confirmed.max(state.lsn);
        }
        if let Phase::Stream(stream) = &self.phase {
            stream.confirm(self.confirmed);
        }
        Ok(())
    }

    async fn close(self) -> Result<()> {
        if let Phase::Stream(stream) = self.phase {
            stream.close();
        }
        Ok(())
    }
}

impl PostgresInput {
    /// Goes to the first phase that has something to do.
    async fn begin(&mut self, plan: Plan) -> Result<Phase> {
        if !plan.needs_snapshot() && !plan.make_slot {
            return self.stream(plan).await;
        }
        // The slot's own snapshot where it is made now; else that of a second one, which the server
        // forgets with the connection.
        let temporary = !plan.make_slot;
        let name = match temporary {
            true => {
                format!("{}_snapshot_{}", &self.slot[..self.slot.len().min(40)], std::process::id())
            }
            false => self.slot.clone(),
        };
        let failover = self.config.failover && !temporary;
        let statement = slot::create_statement(&name, temporary, failover, self.server.version);
        Ok(Phase::Making(Box::new(Making::begin(&self.target, &name, &statement).await?), plan))
    }

    async fn make(
        &mut self,
        mut making: Box<Making>,
        mut plan: Plan,
        batch: &mut Batch<State>,
    ) -> Result<Next> {
        if !making.look().await? {
            let waiting_on = making.waiting_on();
            batch.progress(Progress { waiting_on, ..Progress::default() });
            self.phase = Phase::Making(making, plan);
            return Ok(Next::More);
        }
        let made = making.made()?;
        if plan.make_slot {
            plan.state.lsn = made.point;
            plan.make_slot = false;
        }
        let first = Worker::connect(&self.target, &self.exported(&made)).await?;
        self.phase = Phase::Holding(Box::new((made, first)), plan);
        Ok(Next::More)
    }

    async fn hold(
        &mut self,
        mut snapshot: Box<(Made, Worker)>,
        plan: Plan,
        batch: &mut Batch<State>,
    ) -> Result<Next> {
        match snapshot.1.hold(plan.to_read()).await? {
            Held::All => {
                let (made, first) = *snapshot;
                self.divide(made, first, plan, batch).await
            }
            Held::NotYet(table) => {
                let waiting_on = Some(format!("a lock on {table}, which another session has"));
                batch.progress(Progress { waiting_on, ..Progress::default() });
                self.phase = Phase::Holding(snapshot, plan);
                // Whoever waits gets its turn in between.
                tokio::time::sleep(PAUSE).await;
                Ok(Next::More)
            }
        }
    }

    fn exported<'a>(&'a self, made: &'a Made) -> Exported<'a> {
        Exported {
            point: made.point,
            snapshot: &made.snapshot,
            encoding: &self.server.encoding,
            own_sql: false,
        }
    }

    async fn divide(
        &mut self,
        made: Made,
        mut first: Worker,
        mut plan: Plan,
        batch: &mut Batch<State>,
    ) -> Result<Next> {
        plan.look_again(first.wire(), &self.publication, self.server.version).await?;
        // On the connection that has the tables: another could wait for them.
        let parallelism = self.config.snapshot_parallelism;
        let tables = plan.readings(first.wire(), parallelism).await?;
        let mut parts = vec![("", State::Stream(plan.state.clone()))];
        parts.extend(plan.handoff.0.iter().map(|(n, t)| (n.as_str(), State::Table(t.clone()))));
        parts.extend(tables.iter().map(|r| (r.table.stream(), State::Table(r.state.clone()))));
        batch.checkpoint_parts(parts.iter().map(|(name, state)| (*name, state)))?;
        if tables.is_empty() {
            self.phase = self.stream(plan).await?;
            return Ok(Next::More);
        }
        let exported = self.exported(&made);
        let snapshot = Snapshot::begin(&self.target, &exported, first, tables, parallelism).await?;
        tracing::info!(tables = snapshot.tables.len(), at = %snapshot.point, "reading the rows that are there");
        self.phase = Phase::Snapshot(Box::new(snapshot), plan);
        Ok(Next::More)
    }

    /// The snapshot is read: the stream takes over.
    async fn passed(&mut self, snapshot: Snapshot, mut plan: Plan) -> Result<Phase> {
        for reading in snapshot.tables {
            plan.handoff.0.insert(reading.table.schema.stream, reading.state);
        }
        tracing::info!("every row is read; following the log from {}", plan.state.lsn);
        self.stream(plan).await
    }

    async fn stream(&mut self, plan: Plan) -> Result<Phase> {
        let Plan { state, handoff, .. } = plan;
        let mut catalog = match self.catalog.take() {
            Some(catalog) => catalog,
            None => crate::setup::server::connect(&self.target).await?,
        };
        let until = match self.config.until {
            Until::Stopped => None,
            Until::CaughtUp => Some(committed_end(&mut catalog).await?),
        };
        let spool = stream::spool_folder(&self.config)?;
        let replication = Replication {
            target: self.target.clone(),
            statement: self.statement(&state, spool.is_some()),
            start: state.lsn,
            eager: until.is_some(),
        };
        let feed = Feed::start(replication)?;
        feed.confirm(self.confirmed);
        let announced = std::mem::take(&mut self.announced);
        let following = Following {
            heartbeat: *self.config.heartbeat_interval,
            until,
            spool_folder: spool.unwrap_or_default(),
            read_new_tables: self.config.snapshot != When::Never,
        };
        let stream = Stream::new(feed, catalog, state, handoff, announced, following);
        Ok(Phase::Stream(Box::new(stream)))
    }

    /// Tables are read, in a snapshot of their own, and the stream goes on behind that.
    async fn reread(&mut self, stream: Stream) -> Result<Phase> {
        let (state, handoff, announced) = stream.into_tables();
        self.announced = announced;
        let mut catalog = crate::setup::server::connect(&self.target).await?;
        slot::look_when_free(&mut catalog, &self.slot).await?;
        let plan = start::reread(&mut catalog, self, state, handoff).await?;
        self.catalog = Some(catalog);
        self.begin(plan).await
    }

    fn statement(&self, state: &StreamState, streaming: bool) -> String {
        let publications = quote::literal(&quote::name(&self.publication));
        let messages = if self.config.messages { ", messages 'true'" } else { "" };
        let version = if streaming { "'2', streaming 'on'" } else { "'1'" };
        format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version {version}, publication_names {publications}{messages})",
            quote::name(&self.slot),
            state.lsn
        )
    }
}

/// A place behind everything that is committed now. A commit that nobody waited for
/// (`synchronous_commit = off`) is in the log's memory first, and reaches its files, from where it
/// is streamed, within three times `wal_writer_delay` (the manual, "Asynchronous Commit").
async fn committed_end(wire: &mut Wire) -> Result<Lsn> {
    let sql = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END, \
               extract(epoch FROM current_setting('wal_writer_delay')::interval)";
    let row = wire.query(sql).await?.into_iter().next().unwrap_or_default();
    // A standby has only what was in files.
    let Ok(inserted) = text(&row, 0).parse::<Lsn>() else { return current_end(wire).await };
    let delay = text(&row, 1).parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    let enough = Instant::now() + 4 * delay.unwrap_or(Duration::from_secs(1));
    loop {
        let end = current_end(wire).await?;
        if end.0 + PAGE_HEADER >= inserted.0 || Instant::now() > enough {
            return Ok(end);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Where the log ends now.
pub(crate) async fn current_end(wire: &mut Wire) -> Result<Lsn> {
    let rows = wire
        .query(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END",
        )
        .await?;
    let text = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    text.parse().map_err(|error: String| Error::permanent(error))
}
