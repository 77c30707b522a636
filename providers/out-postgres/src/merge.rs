//! Changes by key: folded to one state a key, then written as sets.

use dstream_sql::{Batch, DbResult, Merge, Patch, Step, Target, fold, statements};

use crate::append::wrong_value;
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

impl Merging<'_> {
    pub(crate) async fn write(&mut self, batch: &mut Batch<'_>) -> DbResult<()> {
        for step in fold(batch, &self.target.key_at, self.target.deleted_at) {
            match step {
                Step::Merge(merge) => self.merge(batch, &merge).await?,
                Step::Move { key, row, unchanged } => {
                    self.rename(batch, (key, row), unchanged).await?;
                }
            }
        }
        Ok(())
    }

    fn sql(&self) -> Sql<'_> {
        let Target { table, own, .. } = self.target;
        Sql { dialect: self.dialect, table, types: &own.types }
    }

    async fn merge(&mut self, batch: &Batch<'_>, merge: &Merge) -> DbResult<()> {
        if let Some(at) = merge.clear {
            self.clear(batch, at).await?;
        }
        let (soft, hard): (Vec<_>, Vec<_>) =
            merge.deletes.iter().copied().partition(|(_, at)| at.is_some());
        self.delete(batch, &hard).await?;
        self.mark(batch, &soft).await?;
        let all: Vec<_> = (0..batch.width()).collect();
        let sql = self.sql().upsert(&all, &self.target.key_at);
        self.rows(batch, &all, &merge.puts, &sql).await?;
        for patch in &merge.patches {
            self.patch(batch, patch).await?;
        }
        Ok(())
    }

    async fn clear(&mut self, batch: &Batch<'_>, at: Option<usize>) -> DbResult<()> {
        let (Some(time), Some(column)) = (batch.time(at), self.target.deleted_at) else {
            let sql = self.sql().truncate();
            return self.session.run(&sql).await.map_err(failure);
        };
        let table = &self.target.table.name;
        let sql = statements::mark_all(self.dialect, table, self.target.name(column));
        let text = time.text();
        let text = if time.json().starts_with('"') { &*text } else { time.json() };
        let done = self.session.execute(&sql, &[dstream_sql::Param::Text(text)]).await;
        done.map(drop).map_err(failure)
    }

    /// Rows that are gone.
    async fn delete(&mut self, batch: &Batch<'_>, keys: &[(usize, Option<usize>)]) -> DbResult<()> {
        let mut sets = Sets::new(self.target.key_at.len());
        for (key, _) in keys {
            self.push_key(&mut sets, 0, batch, *key)?;
            sets.end_row();
        }
        let sql = self.sql().delete(&self.target.key_at);
        self.execute(sets, &sql).await.map(drop)
    }

    /// Rows that stay, with the time since when they are gone.
    async fn mark(&mut self, batch: &Batch<'_>, keys: &[(usize, Option<usize>)]) -> DbResult<()> {
        let Some(column) = self.target.deleted_at else { return Ok(()) };
        let mut sets = Sets::new(1 + self.target.key_at.len());
        for (key, at) in keys {
            self.push(&mut sets, (0, column), batch.time(*at))?;
            self.push_key(&mut sets, 1, batch, *key)?;
            sets.end_row();
        }
        let sql = self.sql().update(&[column], &self.target.key_at);
        self.execute(sets, &sql).await.map(drop)
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

    /// Rows that get some columns; those that are not there are made.
    async fn patch(&mut self, batch: &Batch<'_>, patch: &Patch) -> DbResult<()> {
        let (sent, key) = (self.sent(batch, patch.unchanged), &self.target.key_at);
        // The key's columns once more, as the old key.
        let both: Vec<_> = sent.iter().chain(key).copied().collect();
        let sql = self.sql().update(&sent, key);
        let updated = self.rows(batch, &both, &patch.rows, &sql).await?;
        if updated == patch.rows.len() as u64 {
            return Ok(());
        }
        let sql = self.sql().insert_missing(&sent, &self.target.key_at);
        self.rows(batch, &sent, &patch.rows, &sql).await.map(drop)
    }

    /// Another key for a row that keeps some columns.
    async fn rename(
        &mut self,
        batch: &Batch<'_>,
        (key, row): (usize, usize),
        unchanged: usize,
    ) -> DbResult<()> {
        let sent = self.sent(batch, unchanged);
        let mut sets = Sets::new(sent.len() + self.target.key_at.len());
        for (at, column) in sent.iter().enumerate() {
            self.push(&mut sets, (at, *column), batch.row(row)[*column])?;
        }
        self.push_key(&mut sets, sent.len(), batch, key)?;
        sets.end_row();
        let sql = self.sql().update(&sent, &self.target.key_at);
        if self.execute(sets, &sql).await? > 0 {
            return Ok(());
        }
        let sql = self.sql().upsert(&sent, &self.target.key_at);
        self.rows(batch, &sent, &[row], &sql).await.map(drop)
    }

    fn sent(&self, batch: &Batch<'_>, unchanged: usize) -> Vec<usize> {
        let unchanged = batch.unchanged(unchanged);
        (0..batch.width()).filter(|at| !unchanged.contains(at)).collect()
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
        sets.push(at, encoding, cell).map_err(|error| wrong_value(self.target, column, &error))
    }

    async fn execute(&mut self, mut sets: Sets, sql: &str) -> DbResult<u64> {
        if sets.is_empty() {
            return Ok(0);
        }
        sets.execute(self.session, sql).await
    }
}
