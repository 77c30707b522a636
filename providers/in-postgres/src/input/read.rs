//! Reads the rows that are there: in the snapshot of the slot that is being made, or of another.

use std::time::Duration;

use dstream_sdk::{Batch, Next, Progress, Result};

use super::{Phase, PostgresInput};
use crate::plan::Plan;
use crate::setup::slot;
use crate::snapshot::{Exported, Held, Made, Making, Snapshot, Worker};
use crate::state::State;

/// Between two attempts to lock the tables.
const PAUSE: Duration = Duration::from_millis(200);

impl PostgresInput {
    /// Goes to the first phase that has something to do.
    pub(super) async fn begin(&mut self, plan: Plan) -> Result<Phase> {
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

    pub(super) async fn make(
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

    pub(super) async fn hold(
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
    pub(super) async fn passed(&mut self, snapshot: Snapshot, mut plan: Plan) -> Result<Phase> {
        for reading in snapshot.tables {
            plan.handoff.0.insert(reading.table.schema.stream, reading.state);
        }
        tracing::info!("every row is read; following the log from {}", plan.state.lsn);
        self.stream(plan).await
    }
}
