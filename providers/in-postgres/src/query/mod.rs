//! Mode `query`: rows by SELECT, all of them or those behind a cursor, then the end.

mod describe;
mod export;
mod lifecycle;
pub(crate) mod settings;
mod sources;
mod start;
mod state;
mod unique;

use std::collections::BTreeMap;

use dstream_cdc::{Announced, TableState};
use dstream_postgres::Target;
use dstream_sdk::{Batch, InputStart, Next, Progress, Result};

use crate::config::Config;
use crate::setup::server::{self, Server};
use crate::snapshot::{Exported, Held, Reading, Snapshot, Worker};
use crate::state::State;
use export::Export;

pub(crate) use lifecycle::{check, discover, report};
pub(crate) use state::QueryState;

/// Reads tables, or one SELECT, once.
pub(crate) struct QueryInput {
    config: Config,
    target: Target,
    server: Server,
    announced: Announced,
    phase: Phase,
}

enum Phase {
    /// What is to be read, before the snapshot is taken.
    Planned(Vec<Reading>),
    Reading(Box<Snapshot>),
    /// All is read.
    Over,
}

impl QueryInput {
    pub(crate) async fn open(config: Config, start: InputStart<State>) -> Result<Self> {
        config.check()?;
        let target = config.connection.target()?;
        let mut wire = server::connect(&target).await?;
        let server = Server::look(&mut wire).await?;
        server.require_encoding()?;
        let sources = sources::find(&mut wire, &target, &config).await?;
        let readings = start::plan(&mut wire, &config, sources, &start.checkpoint).await?;
        let (announced, phase) = (Announced::default(), Phase::Planned(readings));
        Ok(Self { config, target, server, announced, phase })
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.server.fingerprint()
    }

    pub(crate) async fn read(&mut self, batch: &mut Batch<State>) -> Result<Next> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Planned(readings) => {
                self.phase = self.begin(readings, batch).await?;
                Ok(Next::More)
            }
            Phase::Reading(mut snapshot) => {
                match snapshot.read(&mut self.announced, batch).await? {
                    Next::End => {
                        over(&mut snapshot.tables, batch)?;
                        Ok(Next::End)
                    }
                    next => {
                        self.phase = Phase::Reading(snapshot);
                        Ok(next)
                    }
                }
            }
            Phase::Over => Ok(Next::End),
        }
    }

    /// Takes the snapshot. The checkpoint of the read that was completed before is given up with
    /// the first one of this.
    async fn begin(
        &mut self,
        mut readings: Vec<Reading>,
        batch: &mut Batch<State>,
    ) -> Result<Phase> {
        let export = Export::take(&self.target).await?;
        let exported = Exported {
            point: export.point,
            snapshot: &export.name,
            encoding: &self.server.encoding,
            own_sql: self.config.select.query.is_some(),
        };
        let mut first = Worker::connect(&self.target, &exported).await?;
        let tables = readings.iter().filter(|r| r.is_table()).map(|r| &r.info);
        if let Held::NotYet(table) = first.hold(tables).await? {
            let waiting_on = Some(format!("a lock on {table}, which another session has"));
            batch.progress(Progress { waiting_on, ..Progress::default() });
            // A newer snapshot costs nothing here.
            return Ok(Phase::Planned(readings));
        }
        export.limit(&self.config, &mut readings);
        for reading in &readings {
            self.announced.announce(&reading.table.schema, batch)?;
            batch.checkpoint_part(reading.table.stream(), &reading.checkpoint())?;
        }
        let parallelism = self.config.select.parallelism();
        let snapshot =
            Snapshot::begin(&self.target, &exported, first, readings, parallelism).await?;
        tracing::info!(tables = snapshot.tables.len(), at = %snapshot.point, "reading");
        Ok(Phase::Reading(Box::new(snapshot)))
    }
}

/// Marks a full read as completed, so that the next run reads again. An incremental one goes on
/// where this one ended.
fn over(readings: &mut [Reading], batch: &mut Batch<State>) -> Result<()> {
    for reading in readings {
        if reading.select.as_ref().is_some_and(|select| !select.incremental) {
            reading.state = TableState::done();
        }
        batch.checkpoint_part(reading.table.stream(), &reading.checkpoint())?;
    }
    Ok(())
}

/// States by stream.
type States = BTreeMap<String, State>;
