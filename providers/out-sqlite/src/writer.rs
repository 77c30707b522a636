//! Writes a run of envelopes into their tables.

use std::collections::HashMap;

use dstream_protocol::Op;
use dstream_sdk::{Envelope, Envelopes, Error, Meta, Result};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::bind::value;
use crate::bookkeeping::Owner;
use crate::config::{Config, Evolve, Mode};
use crate::db::{fatal, is_about_the_row};
use crate::raw_row::Cell;
use crate::row_statement::RowStatement;
use crate::target::Target;
use crate::targets::{Targets, WHOLE_ROW};

/// One call's work: statements live as long as the run of envelopes.
pub(crate) struct Writer<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) owner: &'c Owner,
    pub(crate) config: &'c Config,
    pub(crate) targets: &'c mut Targets,
    /// What writes whole rows, by the table's place in `targets`.
    rows: Vec<Option<RowStatement<'c>>>,
    pub(crate) others: HashMap<String, Statement<'c>>,
}

/// One row's parts; their memory is used again for the next.
#[derive(Default)]
struct Row<'a> {
    cells: Vec<Option<Cell<'a>>>,
    values: Vec<ToSqlOutput<'a>>,
}

/// Why a row was not written: because of the row, or because of all else.
pub(crate) enum Failure {
    Row(Error),
    Run(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

pub(crate) type Written = std::result::Result<(), Failure>;

impl<'c> Writer<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        owner: &'c Owner,
        config: &'c Config,
        targets: &'c mut Targets,
    ) -> Self {
        let (rows, others) = (Vec::new(), HashMap::new());
        Self { connection, owner, config, targets, rows, others }
    }

    /// Writes all; rows that cannot be written are rejected with SQLite's own words.
    pub(crate) fn write(&mut self, envelopes: &mut Envelopes<'_>) -> Result<()> {
        let mut last: Option<(&str, Meta<'_>, usize)> = None;
        let mut row = Row::default();
        for envelope in envelopes.iter() {
            let metadata = envelope.metadata.unwrap_or_default();
            let same = last.as_ref().is_some_and(|(text, ..)| *text == metadata);
            if !same {
                let meta = envelope.meta()?;
                let at = self.target(meta.stream(), &envelope)?;
                last = Some((metadata, meta, at));
            }
            let Some((_, meta, at)) = &mut last else { continue };
            match self.one(&envelope, meta, at, &mut row) {
                Ok(()) => {}
                Err(Failure::Row(error)) => envelopes.reject(&envelope, error)?,
                Err(Failure::Run(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn one<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        row: &mut Row<'a>,
    ) -> Written {
        match (self.config.mode, meta.op()) {
            (_, Op::Message) => Ok(()),
            (_, Op::Insert | Op::Read) => self.row(envelope, meta, at, row),
            (Mode::Append, op) => Err(Failure::Row(append_only(op))),
            (Mode::Upsert, Op::Update) if meta.key.is_some() || !meta.unchanged.is_empty() => {
                self.change(envelope, meta, at, &mut row.cells)
            }
            (Mode::Upsert, Op::Update) => self.row(envelope, meta, at, row),
            (Mode::Upsert, Op::Delete) => self.delete(envelope, meta, *at),
            (Mode::Upsert, Op::Truncate) => self.clear(*at),
        }
    }

    /// A whole row.
    fn row<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        row: &mut Row<'a>,
    ) -> Written {
        let Row { cells, values } = row;
        self.read(envelope, meta, at, cells)?;
        let target = &self.targets.list[*at];
        // SQLite would make up a value for a lone integer key that is null.
        let missing = |index: &&usize| cells[**index].is_none_or(Cell::is_null);
        if let Some(index) = target.key_at.iter().find(missing) {
            return Err(wrong_value(target, *index, "a key cannot be null"));
        }
        values.clear();
        for (index, (cell, kind)) in cells.iter().zip(&target.kinds).enumerate() {
            values.push(match cell {
                Some(cell) => {
                    value(*kind, *cell).map_err(|e| wrong_value(target, index, &e.to_string()))?
                }
                None => ToSqlOutput::Borrowed(ValueRef::Null),
            });
        }
        if self.rows.len() <= *at {
            self.rows.resize_with(*at + 1, || None);
        }
        let slot = &mut self.rows[*at];
        let statement = match slot {
            Some(statement) => statement,
            None => slot.insert(RowStatement::new(self.connection, &target.write).map_err(fatal)?),
        };
        outcome(self.connection, statement.execute(values))
    }

    /// The row's values by column; the table grows, or not, where it lacks one.
    pub(crate) fn read<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        cells: &mut Vec<Option<Cell<'a>>>,
    ) -> Written {
        let target = &self.targets.list[*at];
        if !envelope.data.starts_with('{') {
            cells.clear();
            cells.extend(
                target
                    .columns
                    .names()
                    .iter()
                    .map(|name| (name == WHOLE_ROW).then_some(Cell::new(envelope.data))),
            );
            return match cells.iter().any(Option::is_some) {
                true => Ok(()),
                false => Err(Failure::Row(Error::permanent("the row is no object of columns"))),
            };
        }
        let mut unknown = Vec::new();
        let read = |target: &Target, cells: &mut _, unknown: &mut Vec<String>| {
            let ignored = &target.ignored;
            let note = |name: &str| {
                if !ignored.iter().any(|i| i == name) {
                    unknown.push(name.to_owned());
                }
            };
            target.columns.read(envelope.data, cells, note).map_err(no_object)
        };
        read(target, cells, &mut unknown)?;
        if !unknown.is_empty() && self.config.evolve != Evolve::Ignore {
            let wanted = target.with(&unknown);
            let grown = Target::ensure(self.connection, self.owner, self.config, wanted)?;
            *at = self.targets.put(meta.stream(), grown);
            read(&self.targets.list[*at], cells, &mut Vec::new())?;
        }
        Ok(())
    }
}

pub(crate) fn execute(connection: &Connection, statement: &mut Statement<'_>) -> Written {
    outcome(connection, statement.raw_execute().map(drop))
}

fn outcome(connection: &Connection, result: rusqlite::Result<()>) -> Written {
    match result {
        Ok(()) => Ok(()),
        // A trigger may have rolled the whole transaction back.
        Err(error) if is_about_the_row(&error) && !connection.is_autocommit() => {
            Err(Failure::Row(Error::permanent(format!("SQLite: {error}"))))
        }
        Err(error) => Err(Failure::Run(fatal(error))),
    }
}

#[cold]
fn wrong_value(target: &Target, index: usize, why: &str) -> Failure {
    let name = target.columns.names().get(index).map(String::as_str).unwrap_or_default();
    Failure::Row(Error::permanent(format!("column `{name}`: {why}")))
}

pub(crate) fn no_object(error: crate::raw_row::NoObject) -> Error {
    Error::permanent(error.to_string())
}

fn append_only(op: Op) -> Error {
    Error::permanent(format!(
        "`mode = \"append\"` takes rows and inserts, and this is {op:?}: set `mode` to \"upsert\" to follow changes"
    ))
}
