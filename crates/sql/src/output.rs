//! The output: rows, checkpoint and dead letters in one transaction.

use dstream_sdk::{
    Claim, Claimed, Commit, Delivery, Envelopes, Json, OutputProvider, OutputStart, Rejected,
    Result, StreamSchema,
};
use schemars::JsonSchema;

use crate::Database;
use crate::config::{Config, TableSettings};
use crate::store::Store;
use crate::targets::Targets;
use crate::writer::Writer;

/// Writes a database.
pub struct SqlOutput<D: Database> {
    settings: TableSettings,
    store: Store<D>,
    targets: Targets<D::Target>,
    /// The task's only input, for claims that name none.
    input: String,
}

impl<D: Database> std::fmt::Debug for SqlOutput<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlOutput").field("system", &D::SYSTEM).finish_non_exhaustive()
    }
}

impl<D: Database> SqlOutput<D> {
    async fn explained<T>(&mut self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.store.explain(error).await),
        }
    }

    async fn write_all(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        self.store.begin().await?;
        let Store { db, books, .. } = &mut self.store;
        let (settings, targets) = (&self.settings, &mut self.targets);
        Writer { db, books, settings, targets }.write(envelopes).await
    }
}

impl<D: Database> OutputProvider for SqlOutput<D>
where
    D::Settings: JsonSchema,
{
    type Config = Config<D::Settings>;

    const DELIVERY: Delivery = Delivery { transactional: true, ..Delivery::NONE };

    async fn open(config: Self::Config, start: OutputStart) -> Result<Self> {
        config.check::<D>()?;
        let store = Store::open(config.database, &start).await?;
        let input = start.inputs.first().cloned().unwrap_or_default();
        Ok(Self { settings: config.tables, store, targets: Targets::default(), input })
    }

    fn fingerprint(&self) -> Option<String> {
        Some(self.store.db.fingerprint() + &self.settings.destination())
    }

    fn claimed(&self) -> Option<Claimed> {
        Some(self.store.claimed.clone())
    }

    async fn unconfirmed(&mut self) -> Result<Vec<Rejected>> {
        self.store.unconfirmed().await
    }

    async fn schema(&mut self, schema: &StreamSchema) -> Result<()> {
        self.targets.announce(schema);
        Ok(())
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let result = self.write_all(envelopes).await;
        self.explained(result).await
    }

    async fn commit(&mut self, commit: &Commit) -> Result<Option<Json>> {
        let result = self.store.commit(commit).await;
        self.explained(result).await.map(|()| None)
    }

    async fn confirmed(&mut self, id: u64) -> Result<()> {
        let result = self.store.confirmed(id).await;
        self.explained(result).await
    }

    async fn claim(&mut self, claim: &Claim) -> Result<Option<Json>> {
        let input = claim.from.clone().unwrap_or_else(|| self.input.clone());
        self.store.claim(claim, &input).await
    }
}
