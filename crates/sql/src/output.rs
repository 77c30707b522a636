//! The output: rows, checkpoint and dead letters in one transaction.

use dstream_sdk::{
    Claim, Claimed, Commit, Delivery, Envelopes, Error, Granted, Json, OutputProvider, OutputStart,
    Rejected, Result, StreamSchema, tracing,
};
use schemars::JsonSchema;

use crate::Database;
use crate::config::{Config, Evolve, TableSettings};
use crate::lanes::Manner;
use crate::replay::{Piece, Replay};
use crate::store::Store;
use crate::targets::{Targets, Waiting};
use crate::writer::Writer;

/// Writes a database.
pub struct SqlOutput<D: Database> {
    settings: TableSettings,
    store: Store<D>,
    targets: Targets<D::Target>,
    /// The rows of the open transaction, where it may have to be given up.
    replay: Option<Replay>,
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
        let mut written = self.writer().write(envelopes).await;
        while let Some(waiting) = self.targets.waiting.take() {
            self.begin_anew(waiting).await?;
            written = self.writer().write(envelopes).await;
        }
        let refused = written?;
        if let Some(replay) = &mut self.replay
            && (D::DDL_COMMITS || self.store.db.lanes.manner != Manner::Alone)
        {
            replay.keep(envelopes, &refused)?;
        }
        for (index, error) in refused {
            if let Some(envelope) = envelopes.get(index) {
                envelopes.reject(&envelope, error)?;
            }
        }
        Ok(())
    }

    fn writer(&mut self) -> Writer<'_, D> {
        let Store { db, books, .. } = &mut self.store;
        Writer { db, books, settings: &self.settings, targets: &mut self.targets }
    }

    /// The open transaction is in the way of something: it is given up, a table perhaps widened, and
    /// the rows since the last commit are written again, by one connection. Nobody can take over
    /// meanwhile without this run finding out: it holds the epoch's row again before the table changes.
    async fn begin_anew(&mut self, waiting: Waiting) -> Result<()> {
        let Some(mut replay) = self.replay.take() else {
            return Err(Error::permanent("rows that are to be written again were not kept"));
        };
        self.store.restart().await?;
        self.targets.hold_rows = false;
        if let Waiting::Widen(stream, table) = waiting {
            tracing::info!(table = %table.name, "taking back rows, to widen their table first");
            let Store { db, books, .. } = &mut self.store;
            self.targets.ensure(db, books, &self.settings, &stream, table).await?;
        }
        self.targets.rewind(replay.known());
        let played = self.play(&mut replay).await;
        self.replay = Some(replay);
        played
    }

    /// Writes what was kept.
    async fn play(&mut self, replay: &mut Replay) -> Result<()> {
        replay.rewind()?;
        while let Some(piece) = replay.next()? {
            match piece {
                Piece::Schema(schema) => self.targets.announce(&schema),
                Piece::Rows(mut rows) => {
                    let refused = self.writer().write(&rows.envelopes()).await?;
                    if let Some((_, error)) = refused.into_iter().next() {
                        let what = "a row that was written is refused when it is written again";
                        return Err(Error::transient(format!("{what}: {error}")));
                    }
                }
            }
        }
        Ok(())
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
        let settings = config.tables;
        let may_widen = D::DDL_COMMITS && settings.evolve == Evolve::Add;
        let shared = store.db.lanes.most > 0;
        let replay = (may_widen || shared).then(Replay::default);
        Ok(Self { settings, store, targets: Targets::default(), replay, input })
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
        self.replay.as_mut().map_or(Ok(()), |replay| replay.keep_schema(schema))
    }

    async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let result = self.write_all(envelopes).await;
        self.explained(result).await
    }

    async fn commit(&mut self, commit: &Commit) -> Result<Option<Json>> {
        let result = self.store.commit(commit).await;
        self.explained(result).await?;
        self.targets.hold_rows = false;
        if let Some(replay) = &mut self.replay {
            replay.forget(self.targets.known())?;
        }
        Ok(None)
    }

    async fn confirmed(&mut self, id: u64) -> Result<()> {
        let result = self.store.confirmed(id).await;
        self.explained(result).await
    }

    async fn claim(&mut self, claim: &Claim) -> Result<Granted<Json>> {
        let input = claim.from.clone().unwrap_or_else(|| self.input.clone());
        // Who takes over the lease does not end what this run has left prepared.
        if self.store.db.lanes.hold_rows() {
            self.begin_anew(Waiting::Alone).await?;
        }
        let state = self.store.claim(claim, &input).await?;
        Ok(Granted::stored(state, claim.group.is_some()))
    }
}
