//! The statements, and the rows' own parts of them.

use dstream_sdk::row::Cell;

use super::Prepared;
use crate::{Batch, DbResult, Dialect, Target};

/// What a statement of many rows is made of.
#[derive(Clone, Copy)]
pub(super) struct Form<'f> {
    pub(super) head: &'f str,
    pub(super) between: &'f str,
    pub(super) tail: &'f str,
}

/// Writes statements for one table.
pub(super) struct Sql<'s, L> {
    pub(super) dialect: L,
    pub(super) target: &'s Target<Prepared>,
}

impl<L: Dialect> Sql<'_, L> {
    pub(super) fn table(&self) -> String {
        self.dialect.quote_table(&self.target.table.name)
    }

    pub(super) fn name(&self, column: usize) -> String {
        self.dialect.quote(self.target.name(column))
    }

    pub(super) fn names(&self, columns: &[usize]) -> Vec<&str> {
        columns.iter().map(|at| self.target.name(*at)).collect()
    }

    pub(super) fn upsert(&self, columns: &[usize]) -> [String; 2] {
        let key = &self.target.key_at;
        let others: Vec<_> = columns.iter().copied().filter(|at| !key.contains(at)).collect();
        let (key, others) = (self.names(key), self.names(&others));
        let alone = self.target.own.alone;
        self.dialect.upsert(&self.table(), &self.names(columns), &key, &others, alone)
    }

    /// The row with this key gets these columns of that row.
    pub(super) fn update(
        &self,
        batch: &Batch<'_>,
        columns: &[usize],
        (key, row): (usize, usize),
    ) -> DbResult<Vec<u8>> {
        let mut sql = format!("UPDATE {} SET ", self.table()).into_bytes();
        for (at, column) in columns.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            sql.extend_from_slice(format!("{comma}{} = ", self.name(*column)).as_bytes());
            self.push(&mut sql, *column, batch.row(row)[*column])?;
        }
        sql.extend_from_slice(b" WHERE ");
        self.matching(batch, key, &mut sql)?;
        Ok(sql)
    }

    /// `(value, …)`.
    #[inline]
    pub(super) fn row(
        &self,
        batch: &Batch<'_>,
        columns: &[usize],
        row: usize,
        out: &mut Vec<u8>,
    ) -> DbResult<()> {
        let cells = batch.row(row);
        for (at, column) in columns.iter().enumerate() {
            out.push(if at == 0 { b'(' } else { b',' });
            self.push(out, *column, cells[*column])?;
        }
        out.extend_from_slice(if columns.is_empty() { b"()" } else { b")" });
        Ok(())
    }

    /// `(column = value AND …)`, of a key.
    pub(super) fn matching(
        &self,
        batch: &Batch<'_>,
        key: usize,
        out: &mut Vec<u8>,
    ) -> DbResult<()> {
        for (at, (column, cell)) in self.target.key_at.iter().zip(batch.key(key)).enumerate() {
            let start = if at == 0 { "(" } else { " AND " };
            out.extend_from_slice(format!("{start}{} = ", self.name(*column)).as_bytes());
            self.push(out, *column, Some(*cell))?;
        }
        out.push(b')');
        Ok(())
    }

    #[inline]
    pub(super) fn push(
        &self,
        out: &mut Vec<u8>,
        column: usize,
        cell: Option<Cell<'_>>,
    ) -> DbResult<()> {
        let literal = self.target.own.literals[column];
        let written = literal.write(&self.dialect, cell, out);
        written.map_err(|error| self.target.wrong_value(column, error))
    }
}
