//! Writes a run of envelopes into their tables; what cannot be written is refused by itself.

use std::ops::Range;

use dstream_sdk::{Envelope, Envelopes, Error, Meta, Result, tracing};

use crate::batch::Batch;
use crate::bookkeeping::Books;
use crate::collect::{Added, Reader};
use crate::config::TableSettings;
use crate::database::{Database, Failure, Loading, Refused};
use crate::target::Target;
use crate::targets::Targets;

/// A batch of a database that goes row by row is handed over at this size.
const ROWS: usize = 1024;

/// One call's work.
pub(crate) struct Writer<'w, D: Database> {
    pub(crate) db: &'w mut D,
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
    /// Writes all.
    pub(crate) async fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let now = format!("\"{}\"", jiff::Timestamp::now());
        let refused = match D::LOADING {
            Loading::InOrder => self.in_order(envelopes, &now).await?,
            Loading::Grouped => self.grouped(envelopes, &now).await?,
        };
        reject(envelopes, refused)
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

    /// One batch a table. Where they fail because of a row, halves are tried.
    async fn grouped(&mut self, envelopes: &Envelopes<'_>, now: &str) -> Result<Refused> {
        let mut refused = Refused::new();
        let mut from = 0;
        while from < envelopes.len() {
            let all = from..envelopes.len();
            let (mut groups, to) = self.gather(envelopes, all, now, &mut refused).await?;
            if let Some(error) = self.attempt(&mut groups).await? {
                drop(groups);
                self.bisect(envelopes, from..to, error, now, &mut refused).await?;
            }
            from = to;
        }
        Ok(refused)
    }

    /// Finds the rows that are at fault, and writes the others, in order. What was refused when it
    /// was gathered is known already.
    async fn bisect(
        &mut self,
        envelopes: &Envelopes<'_>,
        range: Range<usize>,
        error: Error,
        now: &str,
        refused: &mut Refused,
    ) -> Result<()> {
        tracing::debug!(%error, envelopes = range.len(), "looking for the row that is at fault");
        let mut failed = vec![(range, error)];
        let mut untried: Vec<Range<usize>> = Vec::new();
        loop {
            if let Some((range, error)) = failed.pop() {
                if range.len() == 1 {
                    refused.push((range.start, error));
                } else {
                    let middle = range.start + range.len() / 2;
                    untried.extend([middle..range.end, range.start..middle]);
                }
            }
            let Some(range) = untried.pop() else { return Ok(()) };
            let (mut groups, to) =
                self.gather(envelopes, range.clone(), now, &mut Refused::new()).await?;
            if to < range.end {
                untried.push(to..range.end);
            }
            let error = self.attempt(&mut groups).await?;
            failed.extend(error.map(|error| (range.start..to, error)));
        }
    }

    /// Writes the groups as one; `Some`: a row is at fault, and nothing of them is written.
    async fn attempt(&mut self, groups: &mut [(usize, Batch<'_>)]) -> Result<Option<Error>> {
        if groups.iter().all(|(_, batch)| batch.is_empty()) {
            return Ok(None);
        }
        self.db.savepoint().await?;
        let mut none = Refused::new();
        for (at, batch) in groups {
            let target = &self.targets.list[*at];
            match self.db.load(target, batch, self.settings.mode, &mut none).await {
                Ok(()) => {}
                Err(Failure::Run(error)) => return Err(error),
                Err(Failure::Row(error)) => {
                    self.db.take_back().await?;
                    return Ok(Some(error));
                }
            }
        }
        self.db.release().await?;
        Ok(None)
    }

    /// One batch a table, in the order of their first change; ends early where a table gets
    /// other columns, since what came before has to be written first.
    async fn gather<'a>(
        &mut self,
        envelopes: &Envelopes<'a>,
        range: Range<usize>,
        now: &'a str,
        refused: &mut Refused,
    ) -> Result<(Vec<(usize, Batch<'a>)>, usize)> {
        let (mut reader, mut seen) = (Reader::new(now), Seen::default());
        let mut groups: Vec<(usize, Batch<'a>)> = Vec::new();
        let mut last = 0;
        for index in range.clone() {
            let Some(envelope) = envelopes.get(index) else { break };
            let mut at = self.place(&envelope, &mut seen).await?;
            if groups.get(last).is_none_or(|(group, _)| *group != at) {
                match groups.iter().position(|(group, _)| *group == at) {
                    Some(found) => last = found,
                    None if self.has_table(&groups, at) => return Ok((groups, index)),
                    None => last = self.open(&mut groups, at),
                }
            }
            let mut added = self.add(&mut reader, &mut groups[last].1, (&envelope, &seen, index));
            if let Ok(Added::Lacks(names)) = &added {
                at = self.grow(&mut seen, names).await?;
                if groups.iter().any(|(_, batch)| !batch.is_empty()) {
                    return Ok((groups, index));
                }
                groups.clear();
                last = self.open(&mut groups, at);
                added = self.add(&mut reader, &mut groups[last].1, (&envelope, &seen, index));
            }
            note(added, index, refused)?;
        }
        Ok((groups, range.end))
    }

    /// Whether there is a batch already for the same table, under another schema.
    fn has_table(&self, groups: &[(usize, Batch<'_>)], at: usize) -> bool {
        let name = |at: usize| &self.targets.list[at].table.name;
        groups.iter().any(|(group, _)| name(*group) == name(at))
    }

    fn open(&self, groups: &mut Vec<(usize, Batch<'_>)>, at: usize) -> usize {
        let mut batch = Batch::default();
        self.reset(&mut batch, at);
        groups.push((at, batch));
        groups.len() - 1
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
        let target = &self.targets.list[at];
        match self.db.load(target, batch, self.settings.mode, refused).await {
            Ok(()) => Ok(()),
            Err(Failure::Row(error) | Failure::Run(error)) => Err(error),
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
        Err(Failure::Run(error)) => Err(error),
    }
}

fn reject(envelopes: &mut Envelopes<'_>, mut refused: Refused) -> Result<()> {
    refused.sort_by_key(|(index, _)| *index);
    for (index, error) in refused {
        if let Some(envelope) = envelopes.get(index) {
            envelopes.reject(&envelope, error)?;
        }
    }
    Ok(())
}
