//! One batch's sets of rows, as statements.

use super::Rows;
use super::send::{send, send_one};
use super::sql::{Form, Sql};
use crate::{Batch, DbResult, Dialect, Sets, statements};

/// How many keys one DELETE may name: an optimizer that is given too many reads the whole table.
const KEYS: usize = 500;

/// One batch's work.
pub(super) struct Writing<'w, D: Rows> {
    pub(super) db: &'w mut D,
    pub(super) sql: Sql<'w, D::Dialect>,
}

impl<D: Rows> Writing<'_, D> {
    pub(super) async fn insert(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        let head = self.sql.dialect.insert(&self.sql.table(), &self.sql.names(columns));
        let Self { db, sql } = self;
        let form = Form { head: &head, between: ",", tail: "" };
        send(*db, rows, form, &|row, out| sql.row(batch, columns, row, out)).await
    }

    async fn one(&mut self, sql: &[u8]) -> DbResult<u64> {
        send_one(self.db, sql).await
    }
}

impl<D: Rows> Sets for Writing<'_, D> {
    /// Not `TRUNCATE`, which may commit what is open.
    async fn clear(&mut self) -> DbResult<()> {
        let sql = statements::clear(&self.sql.dialect, &self.sql.target.table.name);
        self.one(sql.as_bytes()).await.map(drop)
    }

    async fn mark_all(&mut self, batch: &Batch<'_>, column: usize, time: usize) -> DbResult<()> {
        let (table, name) = (self.sql.table(), self.sql.name(column));
        let mut sql = format!("UPDATE {table} SET {name} = ").into_bytes();
        self.sql.push(&mut sql, column, batch.time(Some(time)))?;
        sql.extend_from_slice(format!(" WHERE {name} IS NULL").as_bytes());
        self.one(&sql).await.map(drop)
    }

    async fn delete(&mut self, batch: &Batch<'_>, keys: &[usize]) -> DbResult<()> {
        let head = format!("DELETE FROM {} WHERE ", self.sql.table());
        let Self { db, sql } = self;
        let form = Form { head: &head, between: " OR ", tail: "" };
        for keys in keys.chunks(KEYS) {
            send(*db, keys, form, &|key, out| sql.matching(batch, key, out)).await?;
        }
        Ok(())
    }

    async fn mark(
        &mut self,
        batch: &Batch<'_>,
        column: usize,
        keys: &[(usize, Option<usize>)],
    ) -> DbResult<()> {
        let head = format!("UPDATE {} SET {} = ", self.sql.table(), self.sql.name(column));
        let all: Vec<_> = (0..keys.len()).collect();
        let Self { db, sql } = self;
        let part = |at: usize, out: &mut Vec<u8>| {
            let (key, time) = keys[at];
            out.extend_from_slice(head.as_bytes());
            sql.push(out, column, batch.time(time))?;
            out.extend_from_slice(b" WHERE ");
            sql.matching(batch, key, out)
        };
        send(*db, &all, Form { head: "", between: ";", tail: "" }, &part).await
    }

    async fn upsert(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        let [head, tail] = self.sql.upsert(columns);
        let Self { db, sql } = self;
        let form = Form { head: &head, between: ",", tail: &tail };
        let done = send(*db, rows, form, &|row, out| sql.row(batch, columns, row, out)).await;
        match done {
            Err(failure) if rows.len() == 1 && D::hides_why(&failure) => {
                self.insert(batch, columns, rows).await?;
                Err(failure)
            }
            done => done,
        }
    }

    async fn patch(
        &mut self,
        batch: &mut Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        for row in rows {
            let key = self.sql.target.key_at.iter().filter_map(|at| batch.row(*row)[*at]);
            let key: Vec<_> = key.collect();
            let key = batch.push_key(key);
            self.change(batch, columns, (key, *row)).await?;
        }
        Ok(())
    }

    async fn change(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        (key, row): (usize, usize),
    ) -> DbResult<()> {
        let sql = self.sql.update(batch, columns, (key, row))?;
        if self.one(&sql).await? == 0 {
            self.upsert(batch, columns, &[row]).await?;
        }
        Ok(())
    }
}
