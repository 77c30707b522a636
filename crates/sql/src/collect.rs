//! Reads envelopes into changes of one table.

use std::borrow::Cow;

use dstream_sdk::row::{Cell, Columns};
use dstream_sdk::{Envelope, Error, FieldType, Meta, Op};

use crate::batch::{Batch, Change};
use crate::config::{Delete, Mode, TableSettings};
use crate::database::{DbResult, Failure};
use crate::target::{DELETED_AT, Target};
use crate::targets::{WHOLE_ROW, no_object};
use crate::{Column, Evolve};

/// What becomes of an envelope that was handed to [`Reader::add`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the batch, or there is nothing to do about it.
    Done,
    /// The table lacks these columns, and is to get them: nothing was added.
    Lacks(Vec<String>),
}

/// The columns that do not come out of the data.
pub(crate) fn extra_columns(settings: &TableSettings) -> Vec<Column> {
    use FieldType::{String, Timestamptz};
    let column = |name: &str, kind| Column::new(name, Some(kind));
    match settings.mode {
        Mode::History => vec![
            column("_op", String),
            column("_ts", Timestamptz),
            column("_position", String),
            column("_tx", String),
        ],
        _ if settings.is_soft() => vec![column(DELETED_AT, Timestamptz)],
        _ => Vec::new(),
    }
}

/// Reads envelopes; its memory is used again for each.
pub(crate) struct Reader<'a> {
    cells: Vec<Option<Cell<'a>>>,
    unknown: Vec<String>,
    /// Of the metadata, what becomes columns.
    about: Columns,
    about_cells: Vec<Option<Cell<'a>>>,
    /// The present time, as JSON, for deletes that do not say when they were.
    now: &'a str,
}

/// The order of [`extra_columns`] in the history.
const OP: usize = 0;
const TS: usize = 1;

impl<'a> Reader<'a> {
    pub(crate) fn new(now: &'a str) -> Self {
        let names = ["op", "ts", "position", "tx"].map(String::from).to_vec();
        Self {
            cells: Vec::new(),
            unknown: Vec::new(),
            about: Columns::new(names),
            about_cells: Vec::new(),
            now,
        }
    }

    /// Adds what the envelope says to the batch. `index`: of the envelope in its run.
    #[inline]
    pub(crate) fn add<T>(
        &mut self,
        batch: &mut Batch<'a>,
        target: &Target<T>,
        settings: &TableSettings,
        (envelope, meta, index): (&Envelope<'a>, &Meta<'a>, usize),
    ) -> DbResult<Added> {
        let deletes = settings.delete != Delete::Ignore;
        match (settings.mode, meta.op()) {
            (_, Op::Message) => return Ok(Added::Done),
            (Mode::History, _) => {
                return self.history(batch, target, settings, (envelope, meta, index));
            }
            (_, Op::Insert | Op::Read) => {}
            (Mode::Append, op) => return Err(Failure::Row(append_only(op))),
            (Mode::Upsert, Op::Update) if meta.key.is_some() || !meta.unchanged.is_empty() => {
                return self.patch(batch, target, settings, (envelope, meta, index));
            }
            (Mode::Upsert, Op::Update) => {}
            (Mode::Upsert, Op::Delete) if deletes => {
                let json = meta.key.map_or(envelope.data, |key| key.get());
                let key = self.key(batch, target, json)?;
                let at = self.time(batch, target, envelope);
                batch.push(Change::Delete { key, at }, index);
                return Ok(Added::Done);
            }
            (Mode::Upsert, Op::Truncate) if deletes => {
                let at = self.time(batch, target, envelope);
                batch.push(Change::Clear { at }, index);
                return Ok(Added::Done);
            }
            (Mode::Upsert, Op::Delete | Op::Truncate) => return Ok(Added::Done),
        }
        if let Some(lacks) = self.read(target, settings, envelope)? {
            return Ok(lacks);
        }
        self.check_key(target)?;
        let row = batch.push_row(self.cells.iter().copied());
        batch.push(Change::Put { row }, index);
        Ok(Added::Done)
    }

    /// An update that has another key, or not all columns.
    fn patch<T>(
        &mut self,
        batch: &mut Batch<'a>,
        target: &Target<T>,
        settings: &TableSettings,
        (envelope, meta, index): (&Envelope<'a>, &Meta<'a>, usize),
    ) -> DbResult<Added> {
        if let Some(lacks) = self.read(target, settings, envelope)? {
            return Ok(lacks);
        }
        self.check_key(target)?;
        let names = target.columns.names();
        let is_unchanged = |name: &String| meta.unchanged.iter().any(|one| one == name);
        let unchanged = (0..names.len()).filter(|at| is_unchanged(&names[*at])).collect();
        let json = meta.key.map_or(envelope.data, |key| key.get());
        let key = self.key(batch, target, json)?;
        let row = batch.push_row(self.cells.iter().copied());
        let same = |(cell, at): (&Cell<'_>, &usize)| {
            self.cells[*at].is_some_and(|own| content(own) == content(*cell))
        };
        let same_key = batch.key(key).iter().zip(&target.key_at).all(same);
        let unchanged = batch.set_of(unchanged);
        let change = match same_key && unchanged == 0 {
            true => Change::Put { row },
            false => Change::Patch { key, row, unchanged },
        };
        batch.push(change, index);
        Ok(Added::Done)
    }

    /// A row that says what happened.
    fn history<T>(
        &mut self,
        batch: &mut Batch<'a>,
        target: &Target<T>,
        settings: &TableSettings,
        (envelope, meta, index): (&Envelope<'a>, &Meta<'a>, usize),
    ) -> DbResult<Added> {
        // A delete may have its key alone, and a truncate has no row.
        let data = match envelope.data {
            "null" => meta.key.map_or("{}", |key| key.get()),
            data => data,
        };
        if let Some(lacks) = self.read(target, settings, &Envelope { data, ..*envelope })? {
            return Ok(lacks);
        }
        self.about(envelope);
        self.about_cells[OP].get_or_insert(Cell::new("\"insert\""));
        self.about_cells[TS].get_or_insert(Cell::new(self.now));
        let row = batch.push_row(self.cells.iter().chain(&self.about_cells).copied());
        batch.push(Change::Put { row }, index);
        Ok(Added::Done)
    }

    /// The row's values by column; what the table lacks, where it is to grow.
    #[inline]
    fn read<T>(
        &mut self,
        target: &Target<T>,
        settings: &TableSettings,
        envelope: &Envelope<'a>,
    ) -> DbResult<Option<Added>> {
        let Self { cells, unknown, .. } = self;
        if !envelope.data.starts_with('{') {
            let whole = |name: &String| (name == WHOLE_ROW).then_some(Cell::new(envelope.data));
            cells.clear();
            cells.extend(target.columns.names().iter().map(whole));
            return match cells.iter().any(Option::is_some) {
                true => Ok(None),
                false => Err(Failure::Row(Error::permanent("the row is no object of columns"))),
            };
        }
        let note = |name: &str| {
            if !target.ignored.iter().any(|ignored| ignored == name) {
                unknown.push(name.to_owned());
            }
        };
        let read = target.columns.read(envelope.data, cells, note);
        read.map_err(|error| Failure::Row(no_object(error)))?;
        if unknown.is_empty() {
            return Ok(None);
        }
        let unknown = std::mem::take(unknown);
        Ok((settings.evolve != Evolve::Ignore).then_some(Added::Lacks(unknown)))
    }

    /// Some databases would make up a value for a key that is null.
    #[inline]
    fn check_key<T>(&self, target: &Target<T>) -> DbResult<()> {
        let missing =
            |at: &&usize| self.cells.get(**at).is_none_or(|c| c.is_none_or(Cell::is_null));
        match target.key_at.iter().find(missing) {
            None => Ok(()),
            Some(at) => Err(Failure::Row(Error::permanent(format!(
                "column `{}`: a key cannot be null",
                target.name(*at)
            )))),
        }
    }

    /// The key's values out of a JSON object.
    fn key<T>(
        &mut self,
        batch: &mut Batch<'a>,
        target: &Target<T>,
        json: &'a str,
    ) -> DbResult<usize> {
        // Not the row's cells: those are needed still.
        let cells = &mut self.about_cells;
        target.key_columns.read(json, cells, |_| {}).map_err(|error| {
            Failure::Row(Error::permanent(format!("the key is no object of columns: {error}")))
        })?;
        match cells.iter().position(|cell| cell.is_none_or(Cell::is_null)) {
            None => Ok(batch.push_key(cells.iter().flatten().copied())),
            Some(at) => Err(Failure::Row(Error::permanent(format!(
                "the key's column `{}` is missing",
                target.key_columns.names()[at]
            )))),
        }
    }

    /// When something was deleted, where that is kept.
    fn time<T>(
        &mut self,
        batch: &mut Batch<'a>,
        target: &Target<T>,
        envelope: &Envelope<'a>,
    ) -> Option<usize> {
        target.deleted_at?;
        self.about(envelope);
        let time = self.about_cells[TS].unwrap_or(Cell::new(self.now));
        Some(batch.push_time(time))
    }

    /// What the metadata says.
    fn about(&mut self, envelope: &Envelope<'a>) {
        let json = envelope.metadata.unwrap_or("{}");
        if self.about.read(json, &mut self.about_cells, |_| {}).is_err() {
            self.about_cells.clear();
            self.about_cells.resize(self.about.names().len(), None);
        }
        let null = |cell: &mut Option<Cell<'_>>| *cell = cell.filter(|cell| !cell.is_null());
        self.about_cells.iter_mut().for_each(null);
    }
}

/// A value's text, as keys are compared by: `7` and `"7"` are one.
pub(crate) fn content(cell: Cell<'_>) -> Cow<'_, str> {
    if cell.json().starts_with('"') { cell.text() } else { Cow::Borrowed(cell.json()) }
}

#[cold]
fn append_only(op: Op) -> Error {
    Error::permanent(format!(
        "`mode = \"append\"` takes rows and inserts, and this is {op:?}: set `mode` to \"upsert\" to follow changes, or to \"history\" to keep each of them"
    ))
}
