//! Writes a batch: rows as statements of many rows each, changes by key folded first.

use dstream_sdk::Error;
use dstream_sdk::row::Cell;
use dstream_sql::{
    Batch, DbResult, Dialect as _, Failure, Merge, Patch, Step, Target, fold, statements,
};
use futures_util::future::join;

use crate::database::Prepared;
use crate::dialect::MySqlDialect;
use crate::failure::{failure, is_null};
use crate::literal::WrongValue;
use crate::session::Session;

/// A statement is sent when it has this size: the next one is made while the server works on it.
const PIECE_BYTES: usize = 256 << 10;

/// How many keys one DELETE may name: an optimizer that is given too many reads the whole table.
const KEYS: usize = 500;

/// One batch's work.
pub(crate) struct Merging<'m> {
    pub(crate) session: &'m Session,
    pub(crate) target: &'m Target<Prepared>,
    pub(crate) dialect: &'m MySqlDialect,
}

/// A row's own part of a statement.
type Part<'p> = dyn Fn(usize, &mut Vec<u8>) -> DbResult<()> + 'p;

impl Merging<'_> {
    /// New rows.
    pub(crate) async fn append(&self, batch: &Batch<'_>) -> DbResult<()> {
        let rows: Vec<_> = (0..batch.changes().len()).collect();
        let all: Vec<_> = (0..batch.width()).collect();
        self.insert(batch, &all, &rows, "").await
    }

    /// Changes by key.
    pub(crate) async fn write(&self, batch: &mut Batch<'_>) -> DbResult<()> {
        for step in fold(batch, &self.target.key_at, self.target.deleted_at) {
            match step {
                Step::Merge(merge) => self.merge(batch, &merge).await?,
                Step::Move { key, row, unchanged } => {
                    let sent = self.sent(batch, unchanged);
                    self.change(batch, &sent, (key, row)).await?;
                }
            }
        }
        Ok(())
    }

    async fn merge(&self, batch: &mut Batch<'_>, merge: &Merge) -> DbResult<()> {
        if let Some(at) = merge.clear {
            self.clear(batch, at).await?;
        }
        let (soft, hard): (Vec<_>, Vec<_>) =
            merge.deletes.iter().copied().partition(|(_, at)| at.is_some());
        let keys: Vec<_> = hard.into_iter().map(|(key, _)| key).collect();
        let head = format!("DELETE FROM {} WHERE ", self.table());
        for keys in keys.chunks(KEYS) {
            self.send(keys, (&head, " OR ", ""), &|key, out| self.matching(batch, key, out))
                .await?;
        }
        self.mark(batch, &soft).await?;
        let all: Vec<_> = (0..batch.width()).collect();
        self.upsert(batch, &all, &merge.puts).await?;
        for patch in &merge.patches {
            self.patch(batch, patch).await?;
        }
        Ok(())
    }

    /// Every row is gone. Not `TRUNCATE`, which commits what is open.
    async fn clear(&self, batch: &Batch<'_>, at: Option<usize>) -> DbResult<()> {
        let table = &self.target.table.name;
        let (Some(time), Some(column)) = (batch.time(at), self.target.deleted_at) else {
            let sql = statements::clear(self.dialect, table);
            return self.run(sql.as_bytes()).await.map(drop);
        };
        let mut sql = format!("UPDATE {} SET {} = ", self.table(), self.name(column)).into_bytes();
        self.push(&mut sql, column, Some(time))?;
        sql.extend_from_slice(format!(" WHERE {} IS NULL", self.name(column)).as_bytes());
        self.run(&sql).await.map(drop)
    }

    /// Rows that stay, with the time since when they are gone.
    async fn mark(&self, batch: &Batch<'_>, keys: &[(usize, Option<usize>)]) -> DbResult<()> {
        let Some(column) = self.target.deleted_at else { return Ok(()) };
        let head = format!("UPDATE {} SET {} = ", self.table(), self.name(column));
        let all: Vec<_> = (0..keys.len()).collect();
        let part = |at: usize, out: &mut Vec<u8>| {
            let (key, time) = keys[at];
            out.extend_from_slice(head.as_bytes());
            self.push(out, column, batch.time(time))?;
            out.extend_from_slice(b" WHERE ");
            self.matching(batch, key, out)
        };
        self.send(&all, ("", ";", ""), &part).await
    }

    /// Rows that get some columns; those that are not there are made.
    async fn patch(&self, batch: &mut Batch<'_>, patch: &Patch) -> DbResult<()> {
        let sent = self.sent(batch, patch.unchanged);
        for row in &patch.rows {
            let cells = self.target.key_at.iter().filter_map(|at| batch.row(*row)[*at]);
            let cells: Vec<_> = cells.collect();
            let key = batch.push_key(cells);
            self.change(batch, &sent, (key, *row)).await?;
        }
        Ok(())
    }

    /// Sets columns of the row with this key, and makes it where it is not there.
    async fn change(
        &self,
        batch: &Batch<'_>,
        columns: &[usize],
        (key, row): (usize, usize),
    ) -> DbResult<()> {
        let mut sql = format!("UPDATE {} SET ", self.table()).into_bytes();
        for (at, column) in columns.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            sql.extend_from_slice(format!("{comma}{} = ", self.name(*column)).as_bytes());
            self.push(&mut sql, *column, batch.row(row)[*column])?;
        }
        sql.extend_from_slice(b" WHERE ");
        self.matching(batch, key, &mut sql)?;
        if self.run(&sql).await? == 0 {
            self.upsert(batch, columns, &[row]).await?;
        }
        Ok(())
    }

    /// Rows in the place of those with their keys.
    async fn upsert(&self, batch: &Batch<'_>, columns: &[usize], rows: &[usize]) -> DbResult<()> {
        let names =
            |at: &[usize]| -> Vec<&str> { at.iter().map(|at| self.target.name(*at)).collect() };
        let key = &self.target.key_at;
        let others: Vec<_> = columns.iter().copied().filter(|at| !key.contains(at)).collect();
        let tail = match self.target.own.has_other_keys {
            true => self.guarded(&others),
            false => self.dialect.on_conflict(&names(key), &names(&others)),
        };
        let done = self.insert(batch, columns, rows, &tail).await;
        match done {
            // Alone, it is told what it is in the way of in the server's own words.
            Err(failure) if is_null(&failure) && rows.len() == 1 => {
                self.insert(batch, columns, rows, "").await?;
                Err(failure)
            }
            done => done,
        }
    }

    /// Where a table has other unique indexes, `ON DUPLICATE KEY UPDATE` would change whatever row
    /// is in the way. A key that is another one becomes null here, which it cannot be.
    fn guarded(&self, others: &[usize]) -> String {
        let guard = self.target.key_at.iter().map(|at| {
            let name = self.name(*at);
            format!("{name} = IF({name} = VALUES({name}), {name}, NULL)")
        });
        let set = others.iter().map(|at| {
            let name = self.name(*at);
            format!("{name} = VALUES({name})")
        });
        format!(" ON DUPLICATE KEY UPDATE {}", guard.chain(set).collect::<Vec<_>>().join(", "))
    }

    async fn insert(
        &self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
        tail: &str,
    ) -> DbResult<()> {
        let names: Vec<_> = columns.iter().map(|at| self.name(*at)).collect();
        let head = format!("INSERT INTO {} ({}) VALUES ", self.table(), names.join(", "));
        let part = |row: usize, out: &mut Vec<u8>| {
            let cells = batch.row(row);
            for (at, column) in columns.iter().enumerate() {
                out.push(if at == 0 { b'(' } else { b',' });
                self.push(out, *column, cells[*column])?;
            }
            out.extend_from_slice(if columns.is_empty() { b"()" } else { b")" });
            Ok(())
        };
        self.send(rows, (&head, ",", tail), &part).await
    }

    /// Statements of as many parts as go into a piece; each is made while the one before is on its way.
    async fn send(
        &self,
        rows: &[usize],
        (head, between, tail): (&str, &str, &str),
        part: &Part<'_>,
    ) -> DbResult<()> {
        let mut rest = rows;
        let mut make = || -> DbResult<Vec<u8>> {
            let mut sql = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
            while let Some((row, others)) = rest.split_first() {
                let start = if sql.is_empty() { head } else { between };
                sql.extend_from_slice(start.as_bytes());
                part(*row, &mut sql)?;
                rest = others;
                if sql.len() >= PIECE_BYTES.min(self.target.own.max_packet / 2) {
                    break;
                }
            }
            if !sql.is_empty() {
                sql.extend_from_slice(tail.as_bytes());
            }
            Ok(sql)
        };
        let mut sql = make()?;
        while !sql.is_empty() {
            let (sent, next) = join(self.run(&sql), async { make() }).await;
            sent?;
            sql = next?;
        }
        Ok(())
    }

    /// How many rows were found.
    async fn run(&self, sql: &[u8]) -> DbResult<u64> {
        // The server would close the connection, for a row that is too large each time again.
        if sql.len() >= self.target.own.max_packet {
            return Err(too_large(sql.len(), self.target.own.max_packet));
        }
        self.session.run(sql).await.map_err(failure)
    }

    fn sent(&self, batch: &Batch<'_>, unchanged: usize) -> Vec<usize> {
        let unchanged = batch.unchanged(unchanged);
        (0..batch.width()).filter(|at| !unchanged.contains(at)).collect()
    }

    /// `(column = value AND …)`, of a key.
    fn matching(&self, batch: &Batch<'_>, key: usize, out: &mut Vec<u8>) -> DbResult<()> {
        for (at, (column, cell)) in self.target.key_at.iter().zip(batch.key(key)).enumerate() {
            let start = if at == 0 { "(" } else { " AND " };
            out.extend_from_slice(format!("{start}{} = ", self.name(*column)).as_bytes());
            self.push(out, *column, Some(*cell))?;
        }
        out.push(b')');
        Ok(())
    }

    #[inline]
    fn push(&self, out: &mut Vec<u8>, column: usize, cell: Option<Cell<'_>>) -> DbResult<()> {
        let literal = self.target.own.literals[column];
        literal.write(cell, out).map_err(|error| self.wrong_value(column, &error))
    }

    fn table(&self) -> String {
        self.dialect.quote_table(&self.target.table.name)
    }

    fn name(&self, column: usize) -> String {
        self.dialect.quote(self.target.name(column))
    }

    #[cold]
    fn wrong_value(&self, column: usize, why: &WrongValue) -> Failure {
        let name = self.target.name(column);
        Failure::Row(Error::permanent(format!("column `{name}`: {why}")))
    }
}

#[cold]
fn too_large(bytes: usize, limit: usize) -> Failure {
    Failure::Row(Error::permanent(format!(
        "the row takes a statement of {bytes} bytes, and the server takes {limit}: raise its max_allowed_packet"
    )))
}
