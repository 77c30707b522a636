//! The input: sets up, reads what is there, then follows the log.
//!
//! - this file: which phase comes when
//! - [`read`]: the rows that are there: the snapshot, the locks, the ranges
//! - [`follow`]: the log, and the way back to the rows of tables that come later

mod follow;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use dstream_cdc::Announced;
use dstream_postgres::{Target, Wire};
use dstream_sdk::{Batch, Cadence, Delivery, Error, InputProvider, InputStart, Next, Result};

use crate::config::Config;
use crate::lsn::Lsn;
use crate::plan::Plan;
use crate::setup::server::Server;
use crate::snapshot::{Made, Making, Snapshot, Worker};
use crate::start;
use crate::state::State;
use crate::stream::Stream;
use crate::watch::Watch;

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
        server.require(&config)?;
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
            Phase::Stream(stream) => self.follow(stream, batch).await,
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
