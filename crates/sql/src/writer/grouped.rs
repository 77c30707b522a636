//! Sets of rows: one batch a table; where they fail because of a row, halves are tried until it is
//! found.

use std::ops::Range;

use dstream_sdk::{Envelopes, Error, Result, tracing};

use super::{Seen, Writer, note};
use crate::batch::Batch;
use crate::collect::{Added, Reader};
use crate::database::{Database, Failure, Refused};

impl<D: Database> Writer<'_, D> {
    /// One batch a table. Where they fail because of a row, halves are tried.
    pub(super) async fn grouped(
        &mut self,
        envelopes: &Envelopes<'_>,
        now: &str,
    ) -> Result<Refused> {
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
        if let Some(shares) = self.shares(groups)? {
            return self.attempt_shared(shares).await;
        }
        self.targets.hold_rows = true;
        self.db.savepoint().await?;
        let mut none = Refused::new();
        for (at, batch) in groups {
            let target = &self.targets.list[*at];
            match self.db.load(target, batch, self.settings.mode, &mut none).await {
                Ok(()) => {}
                Err(Failure::Run(error) | Failure::Blocked(error)) => return Err(error),
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
}
