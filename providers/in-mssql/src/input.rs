//! The input: the rows as they stand, where they are wanted, then round after round of changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dstream_cdc::Announced;
use dstream_mssql::Session;
use dstream_sdk::{
    Batch, Granted, InputProvider, InputStart, Next, Progress, Result, serde_json::json, tracing,
};

use crate::backoff::Backoff;
use crate::catalog::{self, Database};
use crate::config::{CheckpointStore, Config, Tables, Until};
use crate::instance::Instance;
use crate::locks::Locks;
use crate::lsn::Lsn;
use crate::pool::Pool;
use crate::round::{Bound, Round};
use crate::sharing::Sharing;
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
    pub(crate) meant: Tables,
    pub(crate) database: Database,
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
    /// What there is to it where several instances share the tables.
    pub(crate) sharing: Option<Sharing>,
    /// What the host has saved.
    pub(crate) saved: BTreeMap<String, State>,
    /// Whether `cdc_offsets` is kept too.
    pub(crate) keeps_offsets: bool,
    /// No look at the log before this.
    resting: Option<Instant>,
    /// End here.
    until: Option<Lsn>,
    told: Option<Instant>,
    pub(crate) offered: bool,
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
        let keeps_offsets = match config.checkpoint_store {
            Some(store) => store == CheckpointStore::Table,
            None => offsets::are_there(&mut session).await?,
        };
        if keeps_offsets {
            offsets::make(&mut session).await?;
        }
        let until = match config.until {
            Until::Stopped => None,
            Until::CaughtUp => Some(start::newest(&mut session).await?.unwrap_or_default()),
        };
        let streams = tables.iter().map(|instances| instances[0].stream().to_owned());
        let locks = Locks::open(config.lock_config.as_ref(), &database, streams).await?;
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
            sharing: locks.map(Sharing::new),
            saved: BTreeMap::new(),
            keeps_offsets,
            resting: None,
            until,
            told: None,
            offered: false,
        };
        if input.sharing.is_none() {
            for instances in tables {
                let known = command.checkpoint.get(instances[0].stream()).cloned();
                let known = input.furthest(&instances[0], known).await?;
                let source =
                    start::source(&mut input.session, &input.config, instances, known).await?;
                input.sources.push(source);
            }
        }
        Ok(input)
    }

    fn fingerprint(&self) -> Option<String> {
        Some(self.database.fingerprint())
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        self.share(batch)?;
        if self.sources.is_empty() {
            return Ok(Next::Wait(LOOK));
        }
        if !self.offered && self.round.is_none() {
            // What was decided at the start is known before the first row is. Within a round the
            // states do not stand for the rows that are out.
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
        if self.keeps_offsets {
            // Of a table that another instance has now, that one knows better.
            let is_ours = |s: &Source| self.sharing.as_ref().is_none_or(|all| all.may_read(s));
            let own = |stream: &String| {
                self.sources.iter().find(|s| s.stream() == *stream).filter(|s| is_ours(s))
            };
            let places = states
                .iter()
                .filter_map(|(stream, state)| Some((&**own(stream)?.instance(), state)));
            offsets::write(&mut self.session, places).await?;
        }
        Ok(())
    }

    async fn claimed(&mut self, partition: &str, granted: Granted<State>) -> Result<()> {
        self.take_claimed(partition, granted).await
    }

    async fn close(mut self) -> Result<()> {
        self.give_back_what_may_be(true).await;
        Ok(())
    }

    async fn abandon(&mut self) {
        self.give_back_what_may_be(false).await;
    }
}

impl MssqlInput {
    /// The place of a table: what the host knows, or `cdc_offsets` where that is further.
    pub(crate) async fn furthest(
        &mut self,
        instance: &Instance,
        known: Option<State>,
    ) -> Result<Option<State>> {
        if !self.keeps_offsets {
            return Ok(known);
        }
        let stored = offsets::read(&mut self.session).await?;
        Ok(match (known, offsets::of(&stored, instance)) {
            (Some(host), Some(table)) if table.is_beyond(&host) => Some(table),
            (None, stored) => stored,
            (host, _) => host,
        })
    }

    /// From now on with these tables too.
    pub(crate) fn begin_to_read(&mut self, source: Source) {
        self.sources.push(source);
        (self.offered, self.resting) = (false, None);
    }

    /// A piece of a table's rows.
    async fn read_rows(&mut self, at: usize, batch: &mut Batch<State>) -> Result<Next> {
        if self.sources[at].whole.is_none() && self.rows.is_none() {
            let mut session = Session::connect(&self.config.connection).await?;
            let isolation = self.config.snapshot_isolation;
            session.run(snapshot::isolation(isolation, &self.database)?).await?;
            self.rows = Some(session);
        }
        let source = &mut self.sources[at];
        self.announced.announce(&source.instance().stream, batch)?;
        let over = match &mut self.rows {
            Some(session) if source.has_key() => snapshot::piece(session, source, batch).await?,
            idle => snapshot::piece_of_whole(idle, source, batch).await?,
        };
        if over {
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
        if self.until.is_some_and(|until| behind >= until)
            && self.sharing.as_ref().is_none_or(Sharing::is_settled)
        {
            return Ok(Next::End);
        }
        if let Some(left) = self.resting.and_then(|end| end.checked_duration_since(Instant::now()))
        {
            return Ok(Next::Wait(left.min(LOOK)));
        }
        let bound = Bound::find(&mut self.session, behind, self.config.max_transactions).await?;
        self.tell(behind, &bound, batch);
        let parts = self.sources.iter().any(|source| source.state.seq.is_some());
        if bound.upto <= behind && !parts {
            let pause = self.backoff.pause();
            if self.sharing.is_none() {
                return Ok(Next::Wait(pause));
            }
            // The log is left alone, the leases are not.
            self.resting = Some(Instant::now() + pause);
            return Ok(Next::Wait(pause.min(LOOK)));
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
