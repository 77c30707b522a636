//! Writes a run of envelopes into their tables.

use std::collections::HashMap;

use dstream_protocol::{Op, StreamSchema};
use dstream_sdk::{Envelope, Envelopes, Error, Meta, Result};
use rusqlite::{Connection, Statement};

use crate::bind::bind;
use crate::bookkeeping::Owner;
use crate::config::{Config, Evolve, Mode};
use crate::db::{fatal, is_about_the_row};
use crate::raw_row::Columns;
use crate::sql::{Column, Table, statements};
use crate::target::Target;

/// The column that holds a row which is no object.
const WHOLE_ROW: &str = "data";

/// The tables of this run, by stream.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    list: Vec<Target>,
    by_stream: HashMap<String, usize>,
    schemas: HashMap<String, StreamSchema>,
}

impl Targets {
    /// The stream has these columns from here on.
    pub(crate) fn announce(&mut self, schema: &StreamSchema) {
        self.schemas.insert(schema.stream.clone(), schema.clone());
        self.by_stream.remove(&schema.stream);
    }

    /// Forgets what was decided in a transaction that was given up.
    fn put(&mut self, stream: &str, target: Target) -> usize {
        self.list.push(target);
        let at = self.list.len() - 1;
        self.by_stream.insert(stream.to_owned(), at);
        at
    }
}

/// One call's work: statements live as long as the run of envelopes.
pub(crate) struct Writer<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) owner: &'c Owner,
    pub(crate) config: &'c Config,
    pub(crate) targets: &'c mut Targets,
    /// What writes whole rows, by the table's place in `targets`.
    rows: Vec<Option<Statement<'c>>>,
    others: HashMap<String, Statement<'c>>,
}

/// Why a row was not written: because of the row, or because of all else.
enum Failure {
    Row(Error),
    Run(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

type Written = std::result::Result<(), Failure>;

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
        let mut cells = Vec::new();
        for envelope in envelopes.iter() {
            let metadata = envelope.metadata.unwrap_or_default();
            let same = last.as_ref().is_some_and(|(text, ..)| *text == metadata);
            if !same {
                let meta = envelope.meta()?;
                let at = self.target(meta.stream(), &envelope)?;
                last = Some((metadata, meta, at));
            }
            let Some((_, meta, at)) = &mut last else { continue };
            match self.one(&envelope, meta, at, &mut cells) {
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
        cells: &mut Vec<Option<&'a str>>,
    ) -> Written {
        match (self.config.mode, meta.op()) {
            (_, Op::Message) => Ok(()),
            (_, Op::Insert | Op::Read) => self.row(envelope, meta, at, cells),
            (Mode::Append, op) => Err(Failure::Row(append_only(op))),
            (Mode::Upsert, Op::Update) if meta.key.is_some() || !meta.unchanged.is_empty() => {
                self.change(envelope, meta, at, cells)
            }
            (Mode::Upsert, Op::Update) => self.row(envelope, meta, at, cells),
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
        cells: &mut Vec<Option<&'a str>>,
    ) -> Written {
        self.read(envelope, meta, at, cells)?;
        let target = &self.targets.list[*at];
        // SQLite would make up a value for a lone integer key that is null.
        let missing = |index: &&usize| cells[**index].is_none_or(|json| json == "null");
        if let Some(index) = target.key_at.iter().find(missing) {
            return Err(wrong_value(target, *index, "a key cannot be null"));
        }
        if self.rows.len() <= *at {
            self.rows.resize_with(*at + 1, || None);
        }
        let slot = &mut self.rows[*at];
        let statement = match slot {
            Some(statement) => statement,
            None => slot.insert(self.connection.prepare(&target.write).map_err(fatal)?),
        };
        for (index, (cell, kind)) in cells.iter().zip(&target.kinds).enumerate() {
            bind(statement, index + 1, *kind, *cell)
                .map_err(|e| wrong_value(target, index, &e.to_string()))?
                .map_err(fatal)?;
        }
        execute(self.connection, statement)
    }

    /// The row's values by column; the table grows, or not, where it lacks one.
    fn read<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        cells: &mut Vec<Option<&'a str>>,
    ) -> Written {
        let target = &self.targets.list[*at];
        if !envelope.data.starts_with('{') {
            cells.clear();
            cells.extend(
                target
                    .columns
                    .names()
                    .iter()
                    .map(|name| (name == WHOLE_ROW).then_some(envelope.data)),
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

    /// An update that has another key, or not all columns.
    fn change<'a>(
        &mut self,
        envelope: &Envelope<'a>,
        meta: &Meta<'a>,
        at: &mut usize,
        cells: &mut Vec<Option<&'a str>>,
    ) -> Written {
        self.read(envelope, meta, at, cells)?;
        let target = self.targets.list[*at].clone();
        let key = &target.table.key;
        let sent = |name: &str| !meta.unchanged.iter().any(|unchanged| unchanged == name);
        let names: Vec<_> =
            target.columns.names().iter().map(String::as_str).filter(|name| sent(name)).collect();
        let values: Vec<_> = target
            .columns
            .names()
            .iter()
            .zip(cells.iter())
            .filter(|(name, _)| sent(name))
            .map(|(name, cell)| (name.as_str(), *cell))
            .collect();
        let row_key = match meta.key {
            Some(old) => values_of(key, old.get())?,
            None => values_of(key, envelope.data)?,
        };
        let all = values.iter().copied().chain(row_key.iter().map(|(k, v)| (*k, *v)));
        let sql = statements::update(&target.dialect, &target.table.name, &names, key);
        self.run(&target, &sql, all)?;
        if self.connection.changes() > 0 {
            return Ok(());
        }
        let sql = statements::upsert(&target.dialect, &target.table.name, &names, key);
        self.run(&target, &sql, values.iter().copied())
    }

    fn delete(&mut self, envelope: &Envelope<'_>, meta: &Meta<'_>, at: usize) -> Written {
        let target = self.targets.list[at].clone();
        let key = &target.table.key;
        let json = meta.key.map_or(envelope.data, |old| old.get());
        let values = values_of(key, json)?;
        let sql = statements::delete(&target.dialect, &target.table.name, key);
        self.run(&target, &sql, values.iter().copied())
    }

    fn clear(&mut self, at: usize) -> Written {
        let target = self.targets.list[at].clone();
        let sql = statements::clear(&target.dialect, &target.table.name);
        self.run(&target, &sql, std::iter::empty())
    }

    fn run<'v>(
        &mut self,
        target: &Target,
        sql: &str,
        values: impl Iterator<Item = (&'v str, Option<&'v str>)>,
    ) -> Written {
        if !self.others.contains_key(sql) {
            let statement = self.connection.prepare(sql).map_err(fatal)?;
            self.others.insert(sql.to_owned(), statement);
        }
        let Some(statement) = self.others.get_mut(sql) else { return Ok(()) };
        for (index, (name, value)) in values.enumerate() {
            bind(statement, index + 1, target.kind_of(name), value)
                .map_err(|e| Failure::Row(Error::permanent(format!("column `{name}`: {e}"))))?
                .map_err(fatal)?;
        }
        execute(self.connection, statement)
    }

    /// The table of a stream; made from its schema, else from this row's columns.
    fn target(&mut self, stream: &str, envelope: &Envelope<'_>) -> Result<usize> {
        if let Some(at) = self.targets.by_stream.get(stream) {
            return Ok(*at);
        }
        let name = self.config.table_of(stream)?;
        let schema = self.targets.schemas.get(stream);
        let key = self.key(stream, schema)?;
        let table = match schema {
            Some(schema) => Table::of(&name, schema, &key),
            None => Table { columns: columns_of(envelope)?, name, key },
        };
        for column in &table.key {
            if !table.columns.iter().any(|c| &c.name == column) {
                let message = format!("the stream `{stream}` has no column `{column}`");
                return Err(Error::config("key", message));
            }
        }
        let target = Target::ensure(self.connection, self.owner, self.config, table)?;
        Ok(self.targets.put(stream, target))
    }

    fn key(&self, stream: &str, schema: Option<&StreamSchema>) -> Result<Vec<String>> {
        if self.config.mode == Mode::Append {
            return Ok(Vec::new());
        }
        let given = Some(&self.config.key).filter(|key| !key.is_empty());
        let key = given.or(schema.map(|schema| &schema.key)).filter(|key| !key.is_empty());
        key.cloned().ok_or_else(|| {
            let message = format!("upsert needs to know which columns identify a row of `{stream}`, and its schema names none: set `key`");
            Error::config("key", message)
        })
    }
}

fn execute(connection: &Connection, statement: &mut Statement<'_>) -> Written {
    match statement.raw_execute() {
        Ok(_) => Ok(()),
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

fn no_object(error: crate::raw_row::NoObject) -> Error {
    Error::permanent(error.to_string())
}

fn append_only(op: Op) -> Error {
    Error::permanent(format!(
        "`mode = \"append\"` takes rows and inserts, and this is {op:?}: set `mode` to \"upsert\" to follow changes"
    ))
}

/// The key's values out of a JSON object.
fn values_of<'v>(
    key: &'v [String],
    json: &'v str,
) -> std::result::Result<Vec<(&'v str, Option<&'v str>)>, Failure> {
    let (columns, mut cells) = (Columns::new(key.to_vec()), Vec::new());
    columns.read(json, &mut cells, |_| {}).map_err(|e| {
        Failure::Row(Error::permanent(format!("the key is no object of columns: {e}")))
    })?;
    match cells.iter().position(|cell| cell.is_none_or(|json| json == "null")) {
        Some(at) => Err(Failure::Row(Error::permanent(format!(
            "the key's column `{}` is missing",
            key[at]
        )))),
        None => Ok(key.iter().map(String::as_str).zip(cells).collect()),
    }
}

/// The columns of a row without schema; a row that is no object becomes one column.
fn columns_of(envelope: &Envelope<'_>) -> Result<Vec<Column>> {
    if !envelope.data.starts_with('{') {
        return Ok(vec![Column::untyped(WHOLE_ROW)]);
    }
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    let none = Columns::default();
    none.read(envelope.data, &mut cells, |name| names.push(Column::untyped(name)))
        .map_err(no_object)?;
    Ok(names)
}
