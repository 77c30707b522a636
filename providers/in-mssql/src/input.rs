//! The input: the rows as they stand, where they are wanted, then round after round of changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_cdc::Announced;
use dstream_mssql::Session;
use dstream_sdk::{
    Batch, Error, InputProvider, InputStart, Next, Progress, Result, serde_json::json, tracing,
};

use crate::backoff::Backoff;
use crate::catalog::{self, Database};
use crate::config::{CheckpointStore, Config, Tables, Until};
use crate::locks::Locks;
use crate::lsn::Lsn;
use crate::pool::Pool;
use crate::round::{Bound, Round};
use crate::source::Source;
use crate::state::State;
use crate::{offsets, snapshot, start};

/// How often the host hears how far the input is.
const PROGRESS: Duration = Duration::from_secs(5);

/// How often to look for leases while there is nothing else to do.
const LOOK: Duration = Duration::from_millis(250);

/// See the file's head.
pub(crate) struct MssqlInput {
    pub(crate) config: Config,
    meant: Tables,
    database: Database,
    /// For everything but rows and pages of changes.
    pub(crate) session: Session,
    /// For the rows of a snapshot.
    rows: Option<Session>,
    pool: Pool,
    /// The tables that this instance reads.
    pub(crate) sources: Vec<Source>,
    pub(crate) round: Option<Round>,
    announced: Announced,
    backoff: Backoff,
    pub(crate) locks: Option<Locks>,
    /// Tables that were asked for, with the epoch.
    pub(crate) claims: BTreeMap<String, u64>,
    /// What the host has saved.
    pub(crate) saved: BTreeMap<String, State>,
    /// End here.
    until: Option<Lsn>,
    told: Option<Instant>,
    offered: bool,
}

impl InputProvider for MssqlInput {
    type Config = Config;
    type Checkpoint = State;

    async fn open(config: Config, command: InputStart<State>) -> Result<Self> {
        let meant = config.check()?;
        let mut session = Session::connect(&config.connection).await?;
        let database = catalog::database(&mut session).await?;
        let tables = start::tables(&mut session, &database, &meant).await?;
        catalog::warn_of_agent(&mut session).await;
        if config.checkpoint_store == CheckpointStore::Table {
            offsets::make(&mut session).await?;
        }
        let until = match config.until {
            Until::Stopped => None,
            Until::CaughtUp => Some(start::newest(&mut session).await?.unwrap_or_default()),
        };
        let streams = tables.iter().map(|instances| instances[0].stream().to_owned());
        let locks = Locks::open(config.lock_config.as_ref(), &database.server, streams).await?;
        let pool = Pool::start(&config.connection, config.max_connections)?;
        let backoff = Backoff::new(*config.poll_interval, *config.max_poll_interval);
        let mut input = Self {
            config,
            meant,
            database,
            session,
            rows: None,
            pool,
            sources: Vec::new(),
            round: None,
            announced: Announced::default(),
            backoff,
            locks,
            claims: BTreeMap::new(),
            saved: BTreeMap::new(),
            until,
            told: None,
            offered: false,
        };
        if input.locks.is_none() {
            for instances in tables {
                let known = command.checkpoint.get(instances[0].stream()).cloned();
                input.take(instances, known, None).await?;
            }
        }
        Ok(input)
    }

    fn fingerprint(&self) -> Option<String> {
        Some(format!("sqlserver:{}/{}", self.database.server, self.database.name))
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        self.share(batch)?;
        if self.sources.is_empty() {
            return Ok(Next::Wait(LOOK));
        }
        if !self.offered {
            // What was decided at the start is known before the first row is.
            self.offered = true;
            batch.checkpoint_parts(self.sources.iter().map(|s| (s.stream(), &s.state)))?;
        }
        match &mut self.round {
            Some(round) => {
                let (pool, announced) = (&self.pool, &mut self.announced);
                if round.read(&mut self.sources, pool, announced, batch).await? {
                    self.round = None;
                }
                Ok(Next::More)
            }
            None => {
                match self.sources.iter().position(|s| s.state.snapshot.is_some() && !s.leaving) {
                    Some(at) => self.read_rows(at, batch).await,
                    None => self.look(batch).await,
                }
            }
        }
    }

    async fn committed(&mut self, states: &BTreeMap<String, State>) -> Result<()> {
        self.saved.extend(states.iter().map(|(part, state)| (part.clone(), state.clone())));
        if self.config.checkpoint_store == CheckpointStore::Table {
            let own = |stream: &String| self.sources.iter().find(|s| s.stream() == *stream);
            let places = states
                .iter()
                .filter_map(|(stream, state)| Some((&**own(stream)?.instance(), state)));
            offsets::write(&mut self.session, places).await?;
        }
        Ok(())
    }

    async fn claimed(&mut self, partition: &str, state: Option<State>) -> Result<()> {
        let Some(epoch) = self.claims.remove(partition) else { return Ok(()) };
        // It may have been changed since this instance began.
        let tables = start::tables(&mut self.session, &self.database, &self.meant).await?;
        let table = tables.into_iter().find(|instances| instances[0].stream() == partition);
        let Some(instances) = table else {
            return Err(Error::transient(format!("{partition} is not captured any more")));
        };
        self.take(instances, state, Some(epoch)).await?;
        self.offered = false;
        Ok(())
    }

    async fn close(self) -> Result<()> {
        if let Some(locks) = self.locks {
            locks.close().await;
        }
        Ok(())
    }
}

impl MssqlInput {
    /// Reads this table from here on.
    async fn take(
        &mut self,
        instances: Vec<std::sync::Arc<crate::instance::Instance>>,
        known: Option<State>,
        epoch: Option<u64>,
    ) -> Result<()> {
        let mut known = known;
        if self.config.checkpoint_store == CheckpointStore::Table {
            let stored = offsets::read(&mut self.session).await?;
            let stored = offsets::of(&stored, &instances[0]);
            known = match (known, stored) {
                (Some(host), Some(table)) if table.is_beyond(&host) => Some(table),
                (None, stored) => stored,
                (host, _) => host,
            };
        }
        let mut source = start::source(&mut self.session, &self.config, instances, known).await?;
        source.epoch = epoch;
        self.sources.push(source);
        Ok(())
    }

    /// A piece of a table's rows.
    async fn read_rows(&mut self, at: usize, batch: &mut Batch<State>) -> Result<Next> {
        let session = match &mut self.rows {
            Some(session) => session,
            none => {
                let mut session = Session::connect(&self.config.connection).await?;
                let isolation = self.config.snapshot_isolation;
                session.run(snapshot::isolation(isolation, &self.database)?).await?;
                none.insert(session)
            }
        };
        let source = &mut self.sources[at];
        self.announced.announce(&source.instance().stream, batch)?;
        if snapshot::piece(session, source, batch).await? {
            tracing::info!(stream = source.stream(), "its rows are read; its changes follow");
        }
        Ok(Next::More)
    }

    /// Looks for transactions that were not read, and begins a round with them.
    async fn look(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        for source in &mut self.sources {
            while source.advance_instance() {}
        }
        let members: Vec<_> =
            (0..self.sources.len()).filter(|at| !self.sources[*at].leaving).collect();
        let Some(behind) = members.iter().map(|at| self.sources[*at].state.lsn).min() else {
            return Ok(Next::Wait(LOOK));
        };
        if self.until.is_some_and(|until| behind >= until) && self.claims.is_empty() {
            return Ok(Next::End);
        }
        let bound = Bound::find(&mut self.session, behind, self.config.max_transactions).await?;
        self.tell(behind, &bound, batch);
        let parts = self.sources.iter().any(|source| source.state.seq.is_some());
        if bound.upto <= behind && !parts {
            let pause = self.backoff.pause();
            return Ok(Next::Wait(if self.locks.is_some() { pause.min(LOOK) } else { pause }));
        }
        if bound.times.len() > 0 {
            self.backoff.reset();
        }
        self.round = Some(Round::begin(&mut self.sources, members, &self.pool, &bound));
        Ok(Next::More)
    }

    /// How far the input is, every so often.
    fn tell(&mut self, behind: Lsn, bound: &Bound, batch: &mut Batch<State>) {
        if self.told.is_some_and(|told| told.elapsed() < PROGRESS) {
            return;
        }
        self.told = Some(Instant::now());
        let tables: BTreeMap<_, _> = self
            .sources
            .iter()
            .map(|source| {
                let sizing = &source.sizing;
                let size = json!({"row_bytes": sizing.average(), "batch_rows": sizing.rows()});
                (source.stream(), size)
            })
            .collect();
        let position = json!({
            "lsn": behind.to_string(),
            "newest": bound.newest.map(|lsn| lsn.to_string()),
            "transactions": bound.times.len(),
            "pause_ms": self.backoff.next().as_millis() as u64,
            "tables": tables,
        });
        batch.progress(Progress { position: Some(position), ..Progress::default() });
    }
}
