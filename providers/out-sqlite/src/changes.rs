//! Writes the changes of a batch, one after another.

use std::collections::HashMap;

use dstream_sdk::Error;
use dstream_sdk::row::Cell;
use dstream_sql::{Batch, Change, DbResult, Failure, Refused, Target, statements};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::bind::{bind, value};
use crate::database::Statements;
use crate::db::{fatal, is_about_the_row};
use crate::row_statement::RowStatement;

/// One batch's work: statements live as long as it.
pub(crate) struct Changes<'c, 'b> {
    connection: &'c Connection,
    target: &'b Target<Statements>,
    batch: &'b Batch<'b>,
    key: Vec<&'b str>,
    others: HashMap<String, Statement<'c>>,
}

/// A column, by its place, and its value.
type Value<'b> = (usize, Option<Cell<'b>>);

impl<'c, 'b> Changes<'c, 'b> {
    pub(crate) fn new(
        connection: &'c Connection,
        target: &'b Target<Statements>,
        batch: &'b Batch<'b>,
    ) -> Self {
        let key = target.table.key.iter().map(String::as_str).collect();
        Self { connection, target, batch, key, others: HashMap::new() }
    }

    /// Writes all; rows that cannot be written are refused with SQLite's own words.
    pub(crate) fn write(mut self, refused: &mut Refused) -> DbResult<()> {
        let mut rows = None;
        let mut values = Vec::with_capacity(self.batch.width());
        for (change, envelope) in self.batch.changes() {
            let written = match *change {
                Change::Put { row } => self.put(row, &mut rows, &mut values),
                Change::Patch { key, row, unchanged } => self.patch(key, row, unchanged),
                Change::Delete { key, at } => self.delete(key, at),
                Change::Clear { at } => self.clear(at),
            };
            match written {
                Ok(()) => {}
                Err(Failure::Row(error)) => refused.push((*envelope, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A whole row.
    #[inline]
    fn put(
        &self,
        row: usize,
        rows: &mut Option<RowStatement<'c>>,
        values: &mut Vec<ToSqlOutput<'b>>,
    ) -> DbResult<()> {
        let (batch, target) = (self.batch, self.target);
        values.clear();
        for (at, (cell, column)) in batch.row(row).iter().zip(&target.table.columns).enumerate() {
            values.push(match cell {
                Some(cell) => {
                    value(column.kind, *cell).map_err(|error| self.target.wrong_value(at, error))?
                }
                None => ToSqlOutput::Borrowed(ValueRef::Null),
            });
        }
        let statement = match rows {
            Some(statement) => statement,
            None => {
                let statement = RowStatement::new(self.connection, &target.own.write);
                rows.insert(statement.map_err(fatal)?)
            }
        };
        self.outcome(statement.execute(values))
    }

    /// An update that has another key, or not all columns.
    fn patch(&mut self, key: usize, row: usize, unchanged: usize) -> DbResult<()> {
        let unchanged = self.batch.unchanged(unchanged);
        let row = self.batch.row(row).iter().copied().enumerate();
        let sent: Vec<Value<'b>> = row.filter(|(at, _)| !unchanged.contains(at)).collect();
        let names: Vec<_> = sent.iter().map(|(at, _)| self.target.name(*at)).collect();
        let (dialect, table) = (&self.target.own.dialect, &self.target.table.name);
        let sql = statements::update(dialect, table, &names, &self.key);
        let all = sent.iter().copied().chain(self.key_values(key));
        self.run(&sql, all)?;
        if self.connection.changes() > 0 {
            return Ok(());
        }
        let sql = statements::upsert(dialect, table, &names, &self.key);
        self.run(&sql, sent.into_iter())
    }

    fn delete(&mut self, key: usize, at: Option<usize>) -> DbResult<()> {
        let (dialect, table) = (&self.target.own.dialect, &self.target.table.name);
        let key_values = self.key_values(key);
        match self.mark(at) {
            None => {
                self.run(&statements::delete(dialect, table, &self.key), key_values.into_iter())
            }
            Some(mark) => {
                let sql =
                    statements::update(dialect, table, &[self.target.name(mark.0)], &self.key);
                self.run(&sql, std::iter::once(mark).chain(key_values))
            }
        }
    }

    fn clear(&mut self, at: Option<usize>) -> DbResult<()> {
        let (dialect, table) = (&self.target.own.dialect, &self.target.table.name);
        match self.mark(at) {
            None => self.run(&statements::clear(dialect, table), std::iter::empty()),
            Some(mark) => {
                let sql = statements::mark_all(dialect, table, self.target.name(mark.0));
                self.run(&sql, std::iter::once(mark))
            }
        }
    }

    /// Where deletes are soft: the column, and the time.
    fn mark(&self, at: Option<usize>) -> Option<Value<'b>> {
        Some((self.target.deleted_at?, Some(self.batch.time(at)?)))
    }

    fn key_values(&self, key: usize) -> Vec<Value<'b>> {
        let cells = self.batch.key(key).iter().copied().map(Some);
        self.target.key_at.iter().copied().zip(cells).collect()
    }

    fn run(&mut self, sql: &str, values: impl Iterator<Item = Value<'b>>) -> DbResult<()> {
        if !self.others.contains_key(sql) {
            let statement = self.connection.prepare(sql).map_err(fatal)?;
            self.others.insert(sql.to_owned(), statement);
        }
        let Some(mut statement) = self.others.remove(sql) else { return Ok(()) };
        for (index, (at, cell)) in values.enumerate() {
            bind(&mut statement, index + 1, self.target.kind(at), cell)
                .map_err(|error| self.target.wrong_value(at, error))?
                .map_err(fatal)?;
        }
        let done = self.outcome(statement.raw_execute().map(drop));
        self.others.insert(sql.to_owned(), statement);
        done
    }

    fn outcome(&self, result: rusqlite::Result<()>) -> DbResult<()> {
        match result {
            Ok(()) => Ok(()),
            // A trigger may have rolled the whole transaction back.
            Err(error) if is_about_the_row(&error) && !self.connection.is_autocommit() => {
                Err(Failure::Row(Error::permanent(format!("SQLite: {error}"))))
            }
            Err(error) => Err(Failure::Run(fatal(error))),
        }
    }
}
