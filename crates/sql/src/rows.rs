//! Rows as statements of many rows each, with literals: for a database that takes them so fastest,
//! or in no other way.

mod sql;

use dstream_sdk::{Error, Result};
use futures_util::future::join;

use crate::database::{DbResult, Failure};
use crate::literal::Literal;
use crate::merge::{self, Sets};
use crate::{
    Batch, Database, Dialect, Existing, Mode, Table, TableSettings, Target, catalog, statements,
};

use sql::{Form, Sql};

/// A statement is sent when it has this size: the next one is made while the server works on it.
const PIECE_BYTES: usize = 256 << 10;

/// How many keys one DELETE may name: an optimizer that is given too many reads the whole table.
const KEYS: usize = 500;

/// A database that takes rows in this way. Its `target` and `load` are [`prepare`] and [`load`].
#[allow(async_fn_in_trait)]
pub trait Rows: Database<Target = Prepared> {
    /// How many rows one statement may hold.
    const ROWS: usize = usize::MAX;

    /// The longest statement that the server takes, and what helps where a row needs a longer one.
    fn longest(&self) -> (usize, &'static str) {
        (usize::MAX, "")
    }

    /// Statements without an answer; how many rows the last of them found, whether it changed
    /// anything in them or not.
    async fn send(&mut self, sql: &[u8]) -> DbResult<u64>;

    /// Whether an upsert was refused in a way that hides why, so that the row is tried once more as
    /// an `INSERT`, for the server's own words.
    fn hides_why(_: &Failure) -> bool {
        false
    }
}

/// What writes a table.
#[derive(Debug, Clone)]
pub struct Prepared {
    literals: Vec<Literal>,
    /// There is no unique index beside the key.
    alone: bool,
}

/// Gets ready to write a table. `unique`: see [`catalog::unique`].
///
/// # Errors
/// Kind `config` where it has no unique index on the key of an upsert.
pub async fn prepare<D: Rows>(
    db: &mut D,
    table: &Table,
    existing: &Existing<D::Dialect>,
    settings: &TableSettings,
    unique: &str,
) -> Result<Prepared> {
    let (on_key, others) = catalog::unique(db, table, unique).await?;
    if settings.mode == Mode::Upsert && !on_key {
        return Err(catalog::no_unique_index(&existing.dialect, table));
    }
    catalog::has_binary_key(table, existing)?;
    let literal = |column: &crate::Column| {
        existing.column(&column.name).map(|found| Literal::of(&found.data_type, column.kind))
    };
    let literals = table.columns.iter().map(literal).collect::<Result<_>>()?;
    Ok(Prepared { literals, alone: !others })
}

/// Writes a batch.
///
/// # Errors
/// Those of the database, and rows with values that their columns do not take.
pub async fn load<D: Rows>(
    db: &mut D,
    target: &Target<Prepared>,
    batch: &mut Batch<'_>,
    mode: Mode,
) -> DbResult<()> {
    let sql = Sql { dialect: db.dialect().clone(), target };
    let mut writing = Writing { db, sql };
    if mode == Mode::Upsert {
        return merge::write(&mut writing, target, batch).await;
    }
    let rows: Vec<_> = (0..batch.changes().len()).collect();
    let all: Vec<_> = (0..batch.width()).collect();
    writing.insert(batch, &all, &rows).await
}

/// One batch's work.
struct Writing<'w, D: Rows> {
    db: &'w mut D,
    sql: Sql<'w, D::Dialect>,
}

/// A row's own part of a statement.
type Part<'p> = dyn Fn(usize, &mut Vec<u8>) -> DbResult<()> + 'p;

impl<D: Rows> Writing<'_, D> {
    async fn insert(
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

/// Statements of as many parts as go into a piece; each is made while the one before is on its way.
async fn send<D: Rows>(
    db: &mut D,
    mut rest: &[usize],
    form: Form<'_>,
    part: &Part<'_>,
) -> DbResult<()> {
    let most = PIECE_BYTES.min(db.longest().0 / 2);
    let mut make = || -> DbResult<Vec<u8>> {
        let mut sql = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        let mut rows = 0;
        while let Some((row, others)) = rest.split_first() {
            let start = if sql.is_empty() { form.head } else { form.between };
            sql.extend_from_slice(start.as_bytes());
            part(*row, &mut sql)?;
            rest = others;
            rows += 1;
            if sql.len() >= most || rows == D::ROWS {
                break;
            }
        }
        if !sql.is_empty() {
            sql.extend_from_slice(form.tail.as_bytes());
        }
        Ok(sql)
    };
    let mut sql = make()?;
    while !sql.is_empty() {
        let (sent, next) = join(send_one(db, &sql), async { make() }).await;
        sent?;
        sql = next?;
    }
    Ok(())
}

/// Most servers close the connection for a statement that is too long, and would so each time again.
async fn send_one<D: Rows>(db: &mut D, sql: &[u8]) -> DbResult<u64> {
    let (limit, help) = db.longest();
    if sql.len() >= limit {
        let bytes = sql.len();
        return Err(Failure::Row(Error::permanent(format!(
            "the row takes a statement of {bytes} bytes, and the server takes {limit}: {help}"
        ))));
    }
    db.send(sql).await
}
