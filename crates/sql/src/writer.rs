//! Writes a run of envelopes into their tables; what cannot be written is refused by itself.

mod grouped;
mod shared;

use dstream_sdk::{Envelope, Envelopes, Meta, Result};

use crate::batch::Batch;
use crate::bookkeeping::Books;
use crate::collect::{Added, Reader};
use crate::config::TableSettings;
use crate::database::{Database, Failure, Loading, Refused};
use crate::sessions::Sessions;
use crate::target::Target;
use crate::targets::Targets;

/// A batch of a database that goes row by row is handed over at this size.
const ROWS: usize = 1024;

/// One call's work.
pub(crate) struct Writer<'w, D: Database> {
    pub(crate) db: &'w mut Sessions<D>,
    pub(crate) books: &'w Books,
    pub(crate) settings: &'w TableSettings,
    pub(crate) targets: &'w mut Targets<D::Target>,
}

/// The table of the envelope before: mostly the next one has the same metadata.
#[derive(Default)]
struct Seen<'a> {
    metadata: Option<&'a str>,
    meta: Meta<'a>,
    target: usize,
}

impl<D: Database> Writer<'_, D> {
    /// Writes all; those that cannot be written, in order.
    pub(crate) async fn write(&mut self, envelopes: &Envelopes<'_>) -> Result<Refused> {
        let now = format!("\"{}\"", jiff::Timestamp::now());
        let mut refused = match D::LOADING {
            Loading::InOrder => self.in_order(envelopes, &now).await?,
            Loading::Grouped => self.grouped(envelopes, &now).await?,
        };
        refused.sort_by_key(|(index, _)| *index);
        Ok(refused)
    }

    /// Batches of consecutive changes to one table.
    async fn in_order(&mut self, envelopes: &Envelopes<'_>, now: &str) -> Result<Refused> {
        let (mut reader, mut seen, mut refused) = (Reader::new(now), Seen::default(), Vec::new());
        let (mut batch, mut at) = (Batch::default(), usize::MAX);
        for (index, envelope) in envelopes.iter().enumerate() {
            let next = self.place(&envelope, &mut seen).await?;
            if next != at || batch.changes().len() >= ROWS {
                self.load(at, &mut batch, &mut refused).await?;
                at = next;
                self.reset(&mut batch, at);
            }
            let mut added = self.add(&mut reader, &mut batch, (&envelope, &seen, index));
            if let Ok(Added::Lacks(names)) = &added {
                self.load(at, &mut batch, &mut refused).await?;
                at = self.grow(&mut seen, names).await?;
                self.reset(&mut batch, at);
                added = self.add(&mut reader, &mut batch, (&envelope, &seen, index));
            }
            note(added, index, &mut refused)?;
        }
        self.load(at, &mut batch, &mut refused).await?;
        Ok(refused)
    }

    fn reset(&self, batch: &mut Batch<'_>, at: usize) {
        let Target { table, .. } = &self.targets.list[at];
        batch.reset(table.columns.len(), table.key.len());
    }

    #[inline]
    fn add<'a>(
        &self,
        reader: &mut Reader<'a>,
        batch: &mut Batch<'a>,
        (envelope, seen, index): (&Envelope<'a>, &Seen<'a>, usize),
    ) -> Result<Added, Failure> {
        let target = &self.targets.list[seen.target];
        reader.add(batch, target, self.settings, (envelope, &seen.meta, index))
    }

    async fn load(
        &mut self,
        at: usize,
        batch: &mut Batch<'_>,
        refused: &mut Refused,
    ) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.targets.hold_rows = true;
        let target = &self.targets.list[at];
        match self.db.load(target, batch, self.settings.mode, refused).await {
            Ok(()) => Ok(()),
            Err(Failure::Row(error) | Failure::Run(error) | Failure::Blocked(error)) => Err(error),
        }
    }

    /// The envelope's table.
    #[inline]
    async fn place<'a>(&mut self, envelope: &Envelope<'a>, seen: &mut Seen<'a>) -> Result<usize> {
        let metadata = envelope.metadata.unwrap_or_default();
        if seen.metadata != Some(metadata) {
            seen.meta = envelope.meta()?;
            let stream = seen.meta.stream();
            seen.target = match self.targets.of(stream) {
                Some(at) => at,
                None => {
                    let (db, books, settings) = (&mut *self.db, self.books, self.settings);
                    self.targets.find(db, books, settings, stream, envelope).await?
                }
            };
            seen.metadata = Some(metadata);
        }
        Ok(seen.target)
    }

    /// Gives the table these columns.
    async fn grow(&mut self, seen: &mut Seen<'_>, names: &[String]) -> Result<usize> {
        let stream = seen.meta.stream();
        let (db, books, settings) = (&mut *self.db, self.books, self.settings);
        seen.target = self.targets.grow(db, books, settings, stream, (seen.target, names)).await?;
        Ok(seen.target)
    }
}

fn note(added: Result<Added, Failure>, index: usize, refused: &mut Refused) -> Result<()> {
    match added {
        Ok(_) => Ok(()),
        Err(Failure::Row(error)) => {
            refused.push((index, error));
            Ok(())
        }
        Err(Failure::Run(error) | Failure::Blocked(error)) => Err(error),
    }
}
