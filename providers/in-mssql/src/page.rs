//! A page of one change table: rows are made into envelopes as they come.

use dstream_mssql::Session;
use dstream_mssql::tiberius::{QueryItem, Row};
use dstream_sdk::{Error, Result};

use crate::ask::Ask;
use crate::catalog::cell;
use crate::change::{AFTER, BEFORE, ChangeRow, Place};
use crate::envelope::{Commit, envelope};
use crate::lsn::Lsn;

/// Envelopes, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) bytes: Vec<u8>,
    /// Where each ends in `bytes`, and what it is.
    pub(crate) lines: Vec<(Place, usize)>,
    /// The last row that was read, where there are more.
    pub(crate) more: Option<Place>,
    /// Rows of the change table.
    pub(crate) rows: usize,
}

impl Page {
    /// Reads a page, and the number of the oldest change that was left behind it.
    pub(crate) async fn read(session: &mut Session, ask: &Ask) -> Result<(Self, Lsn)> {
        let mut filling = Filling::new(ask);
        let taken = session
            .each(&ask.sql(), |item| {
                if let QueryItem::Row(row) = item {
                    filling.take(row);
                }
                Ok(())
            })
            .await;
        let about =
            |error: Error| error.context(format!("reading {}", ask.instance.change_table()));
        taken.map_err(about)?;
        // It stands at the end of the answer.
        let no_end = || about(Error::transient("the answer has no end"));
        let oldest = filling.oldest.ok_or_else(no_end)?;
        Ok((filling.end()?, oldest))
    }
}

/// A page on its way.
struct Filling<'a> {
    ask: &'a Ask,
    page: Page,
    /// The first row of an update, until the second one comes.
    before: Option<ChangeRow>,
    commit: Commit,
    last: Place,
    oldest: Option<Lsn>,
}

impl<'a> Filling<'a> {
    fn new(ask: &'a Ask) -> Self {
        let commit = Commit::new(Lsn::ZERO, None, None);
        let (before, last, oldest) = (None, Place::default(), None);
        let page = Page { bytes: Vec::with_capacity(ask.bytes), ..Page::default() };
        Self { ask, page, before, commit, last, oldest }
    }

    fn take(&mut self, row: Row) {
        if row.len() == 1 {
            let lsn = cell(&row, 0).and_then(Lsn::of);
            self.oldest = Some(lsn.unwrap_or_default());
            return;
        }
        let row = ChangeRow::new(row);
        let place = row.place;
        self.page.rows += 1;
        if place.operation == BEFORE {
            self.before = Some(row);
            return;
        }
        let before = self.before.take().filter(|_| place.operation == AFTER);
        if self.commit.lsn != place.commit {
            let time = self.ask.times.of(place.commit);
            self.commit = Commit::new(place.commit, time, self.ask.epoch);
        }
        let out = &mut self.page.bytes;
        envelope(&self.ask.instance, &self.commit, before.as_ref(), &row, out);
        self.page.lines.push((place, out.len()));
        self.last = place;
    }

    fn end(mut self) -> Result<Page> {
        if self.page.rows >= self.ask.rows {
            if self.page.lines.is_empty() {
                return Err(Error::permanent(format!(
                    "the change table of {} holds a row before an update, and none after it",
                    self.ask.instance.stream()
                )));
            }
            self.page.more = Some(self.last);
        }
        Ok(self.page)
    }
}
