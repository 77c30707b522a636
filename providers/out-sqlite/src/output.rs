//! The output: rows, checkpoint and dead letters in one transaction.

use dstream_protocol::{Claim, Delivery, Json, Rejected, StreamSchema};
use dstream_sdk::{Claimed, Commit, Envelopes, OutputProvider, OutputStart, Result};

use crate::bookkeeping::Owner;
use crate::config::Config;
use crate::store::Store;
use crate::targets::Targets;
use crate::writer::Writer;

/// Writes an SQLite database.
pub(crate) struct SqliteOutput {
    config: Config,
    store: Store,
    targets: Targets,
    /// The task's only input, for claims that name none.
    input: String,
}

impl OutputProvider for SqliteOutput {
    type Config = Config;

    const DELIVERY: Delivery = Delivery {
        replayable: false,
        prunes_on_ack: false,
        transactional: true,
        idempotent: false,
        append_only: false,
        reshapes: false,
    };

    async fn open(config: Config, start: OutputStart) -> Result<Self> {
        config.check()?;
        let owner = Owner::new(&start.task_id, &start.task, &start.name);
        let store = Store::open(&config, owner, start.confirmed, &start.adopt)?;
        let input = start.inputs.first().cloned().unwrap_or_default();
        Ok(Self { config, store, targets: Targets::default(), input })
    }

    fn fingerprint(&self) -> Option<String> {
        Some(format!("sqlite:{}", self.config.path))
    }

    fn claimed(&self) -> Option<Claimed> {
        Some(self.store.claimed.clone())
    }

    async fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        self.store.unconfirmed()
    }

    async fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        self.targets.announce(schema);
        Ok(())
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        self.store.begin()?;
        let Store { connection, owner, .. } = &self.store;
        Writer::new(connection, owner, &self.config, &mut self.targets).write(envelopes)
    }

    async fn commit(&mut self, commit: &Commit) -> Result<Option<Json>> {
        self.store.commit(commit)?;
        Ok(None)
    }

    async fn confirmed(&mut self, id: u64) -> Result<()> {
        self.store.confirmed(id)
    }

    async fn claim(&mut self, claim: &Claim) -> Result<Option<Json>> {
        let input = claim.from.clone().unwrap_or_else(|| self.input.clone());
        self.store.claim(claim, &input)
    }
}
