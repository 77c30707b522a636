//! The input: the rows as they stand, where they are wanted, then round after round of changes.

use std::time::{Duration, Instant};

use dstream_cdc::Announced;
use dstream_mssql::Session;
use dstream_sdk::{
    Batch, InputProvider, InputStart, Next, Progress, Result, serde_json::json, tracing,
};

use crate::backoff::Backoff;
use crate::catalog::{self, Database};
use crate::config::{Config, Until};
use crate::lsn::Lsn;
use crate::pool::Pool;
use crate::round::{Bound, Round};
use crate::source::Source;
use crate::state::State;
use crate::{snapshot, start};

/// How often the host hears how far the input is.
const PROGRESS: Duration = Duration::from_secs(5);

/// See the file's head.
pub(crate) struct MssqlInput {
    config: Config,
    database: Database,
    /// For everything but pages of changes.
    session: Session,
    pool: Pool,
    sources: Vec<Source>,
    round: Option<Round>,
    announced: Announced,
    backoff: Backoff,
    /// End here.
    until: Option<Lsn>,
    told: Option<Instant>,
    offered: bool,
}

impl InputProvider for MssqlInput {
    type Config = Config;
    type Checkpoint = State;

    async fn open(config: Config, mut command: InputStart<State>) -> Result<Self> {
        let meant = config.check()?;
        let mut session = Session::connect(&config.connection).await?;
        let database = catalog::database(&mut session).await?;
        let tables = start::tables(&mut session, &database, &meant).await?;
        catalog::warn_of_agent(&mut session).await;
        let until = match config.until {
            Until::Stopped => None,
            Until::CaughtUp => Some(start::newest(&mut session).await?.unwrap_or_default()),
        };
        let sources =
            start::sources(&mut session, &config, tables, &mut command.checkpoint).await?;
        if sources.iter().any(|source| source.state.snapshot.is_some()) {
            session.run(snapshot::isolation(config.snapshot_isolation, &database)?).await?;
        }
        let pool = Pool::start(&config.connection, config.max_connections)?;
        let backoff = Backoff::new(*config.poll_interval, *config.max_poll_interval);
        let (round, told, offered, announced) = (None, None, false, Announced::default());
        Ok(Self {
            config,
            database,
            session,
            pool,
            sources,
            round,
            announced,
            backoff,
            until,
            told,
            offered,
        })
    }

    fn fingerprint(&self) -> Option<String> {
        Some(format!("sqlserver:{}/{}", self.database.server, self.database.name))
    }

    async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        if !self.offered {
            // What was decided at the start is known before the first row is.
            self.offered = true;
            batch.checkpoint_parts(self.sources.iter().map(|s| (s.stream(), &s.state)))?;
        }
        if let Some(source) = self.sources.iter_mut().find(|s| s.state.snapshot.is_some()) {
            self.announced.announce(&source.instance().stream, batch)?;
            let stream = source.stream().to_owned();
            if snapshot::piece(&mut self.session, source, batch).await? {
                tracing::info!(stream, "its rows are read; its changes follow");
            }
            return Ok(Next::More);
        }
        match &mut self.round {
            Some(round) => {
                let (pool, announced) = (&self.pool, &mut self.announced);
                if round.read(&mut self.sources, pool, announced, batch).await? {
                    self.round = None;
                }
                Ok(Next::More)
            }
            None => self.look(batch).await,
        }
    }
}

impl MssqlInput {
    /// Looks for transactions that were not read, and begins a round with them.
    async fn look(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        for source in &mut self.sources {
            while source.advance_instance() {}
        }
        let behind = self.sources.iter().map(|source| source.state.lsn).min().unwrap_or_default();
        if self.until.is_some_and(|until| behind >= until) {
            return Ok(Next::End);
        }
        let bound = Bound::find(&mut self.session, behind, self.config.max_transactions).await?;
        self.tell(behind, &bound, batch);
        let parts = self.sources.iter().any(|source| source.state.seq.is_some());
        if bound.upto <= behind && !parts {
            return Ok(Next::Wait(self.backoff.pause()));
        }
        if bound.times.len() > 0 {
            self.backoff.reset();
        }
        let members = (0..self.sources.len()).collect();
        self.round = Some(Round::begin(&mut self.sources, members, &self.pool, &bound));
        Ok(Next::More)
    }

    /// How far the input is, every so often.
    fn tell(&mut self, behind: Lsn, bound: &Bound, batch: &mut Batch<State>) {
        if self.told.is_some_and(|told| told.elapsed() < PROGRESS) {
            return;
        }
        self.told = Some(Instant::now());
        let sizes: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| {
                let bytes = source.sizing.average()?;
                Some((
                    source.stream(),
                    json!({"row_bytes": bytes, "batch_rows": source.sizing.rows()}),
                ))
            })
            .collect();
        let position = json!({
            "lsn": behind.to_string(),
            "newest": bound.newest.map(|lsn| lsn.to_string()),
            "transactions": bound.times.len(),
            "tables": sizes.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        batch.progress(Progress { position: Some(position), ..Progress::default() });
    }
}
