//! Sets of rows, as arrays of values, one a column.

use dstream_sql::{Batch, DbResult, Param, Target, statements};

use crate::database::Prepared;
use crate::dialect::PostgresDialect;
use crate::failure::failure;
use crate::session::Session;
use crate::sets::Sets;
use crate::sql::Sql;

/// One batch's work.
pub(crate) struct Merging<'m> {
    pub(crate) session: &'m mut Session,
    pub(crate) target: &'m Target<Prepared>,
    pub(crate) dialect: &'m PostgresDialect,
}

impl dstream_sql::Sets for Merging<'_> {
    async fn clear(&mut self) -> DbResult<()> {
        let sql = self.sql().truncate();
        self.session.run(&sql).await.map_err(failure)
    }

    async fn mark_all(&mut self, batch: &Batch<'_>, column: usize, time: usize) -> DbResult<()> {
        let table = &self.target.table.name;
        let sql = statements::mark_all(self.dialect, table, self.target.name(column));
        let Some(time) = batch.time(Some(time)) else { return Ok(()) };
        let text = time.text();
        let text = if time.json().starts_with('"') { &*text } else { time.json() };
        let done = self.session.execute(&sql, &[Param::Text(text)]).await;
        done.map(drop).map_err(failure)
    }

    async fn delete(&mut self, batch: &Batch<'_>, keys: &[usize]) -> DbResult<()> {
        let mut sets = Sets::new(self.target.key_at.len());
        for key in keys {
            self.push_key(&mut sets, 0, batch, *key)?;
            sets.end_row();
        }
        let sql = self.sql().delete(&self.target.key_at);
        self.execute(sets, &sql).await.map(drop)
    }

    async fn mark(
        &mut self,
        batch: &Batch<'_>,
        column: usize,
        keys: &[(usize, Option<usize>)],
    ) -> DbResult<()> {
        let mut sets = Sets::new(1 + self.target.key_at.len());
        for (key, at) in keys {
            self.push(&mut sets, (0, column), batch.time(*at))?;
            self.push_key(&mut sets, 1, batch, *key)?;
            sets.end_row();
        }
        let sql = self.sql().update(&[column], &self.target.key_at);
        self.execute(sets, &sql).await.map(drop)
    }

    async fn upsert(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        let sql = self.sql().upsert(columns, &self.target.key_at);
        self.rows(batch, columns, rows, &sql).await.map(drop)
    }

    async fn patch(
        &mut self,
        batch: &mut Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        let key = &self.target.key_at;
        // The key's columns once more, as the old key.
        let both: Vec<_> = columns.iter().chain(key).copied().collect();
        let sql = self.sql().update(columns, key);
        if self.rows(batch, &both, rows, &sql).await? == rows.len() as u64 {
            return Ok(());
        }
        let sql = self.sql().insert_missing(columns, &self.target.key_at);
        self.rows(batch, columns, rows, &sql).await.map(drop)
    }

    async fn change(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        (key, row): (usize, usize),
    ) -> DbResult<()> {
        let mut sets = Sets::new(columns.len() + self.target.key_at.len());
        for (at, column) in columns.iter().enumerate() {
            self.push(&mut sets, (at, *column), batch.row(row)[*column])?;
        }
        self.push_key(&mut sets, columns.len(), batch, key)?;
        sets.end_row();
        let sql = self.sql().update(columns, &self.target.key_at);
        match self.execute(sets, &sql).await? {
            0 => self.upsert(batch, columns, &[row]).await,
            _ => Ok(()),
        }
    }
}

impl Merging<'_> {
    fn sql(&self) -> Sql<'_> {
        let Target { table, own, .. } = self.target;
        Sql { dialect: self.dialect, table, types: &own.types }
    }

    /// Rows, of which these columns are written.
    pub(crate) async fn rows(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
        sql: &str,
    ) -> DbResult<u64> {
        let mut sets = Sets::new(columns.len());
        for row in rows {
            for (at, column) in columns.iter().enumerate() {
                self.push(&mut sets, (at, *column), batch.row(*row)[*column])?;
            }
            sets.end_row();
        }
        self.execute(sets, sql).await
    }

    fn push_key(
        &self,
        sets: &mut Sets,
        from: usize,
        batch: &Batch<'_>,
        key: usize,
    ) -> DbResult<()> {
        let columns = self.target.key_at.iter().zip(batch.key(key)).enumerate();
        for (at, (column, cell)) in columns {
            self.push(sets, (from + at, *column), Some(*cell))?;
        }
        Ok(())
    }

    #[inline]
    fn push(
        &self,
        sets: &mut Sets,
        (at, column): (usize, usize),
        cell: Option<dstream_sdk::row::Cell<'_>>,
    ) -> DbResult<()> {
        let encoding = &self.target.own.types.encodings[column];
        sets.push(at, encoding, cell).map_err(|error| self.target.wrong_value(column, error))
    }

    async fn execute(&mut self, mut sets: Sets, sql: &str) -> DbResult<u64> {
        if sets.is_empty() {
            return Ok(0);
        }
        sets.execute(self.session, sql).await
    }
}
