//! One batch's sets of rows: loaded into the staging table, and from there by statements over sets.

use dstream_mssql::name;
use dstream_mssql::tiberius::ColumnData;
use dstream_sql::{Batch, DbResult, Failure, Sets, Target, statements};

use crate::database::Mssql;
use crate::dialect::HOLD;
use crate::staging::{Staging, fits_bulk};

/// So few rows are faster as parameters: a bulk load begins with two questions to the server.
const FEW: usize = 3;

/// What a statement may have of parameters.
const MOST_PARAMS: usize = 2100;

/// One batch's work.
pub(crate) struct Writing<'w> {
    pub(crate) db: &'w mut Mssql,
    pub(crate) target: &'w Target<Staging>,
    pub(crate) table: String,
}

/// A row to stage: of these columns its values, and a key as it was.
type Staged<'a> = Vec<ColumnData<'a>>;

impl Writing<'_> {
    /// Every row is a new one.
    pub(crate) async fn append(&mut self, batch: &Batch<'_>) -> DbResult<()> {
        let rows: Vec<_> = (0..batch.changes().len()).collect();
        let all: Vec<_> = (0..batch.width()).collect();
        self.stage_rows(batch, &all, &rows).await?;
        self.run(&self.insert(&all, "")).await
    }

    async fn stage_rows(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        let rows = rows.iter().map(|row| self.cells(batch, columns, *row));
        let rows = rows.collect::<DbResult<Vec<_>>>()?;
        self.stage(names('c', columns), rows).await
    }

    fn cells<'a>(&self, batch: &Batch<'a>, columns: &[usize], row: usize) -> DbResult<Staged<'a>> {
        let cells = batch.row(row);
        columns.iter().map(|at| self.target.own.value(self.target, *at, cells[*at])).collect()
    }

    fn key<'a>(&self, batch: &Batch<'a>, key: usize) -> DbResult<Staged<'a>> {
        let cells = self.target.key_at.iter().zip(batch.key(key));
        cells.map(|(at, cell)| self.target.own.value(self.target, *at, Some(*cell))).collect()
    }

    /// Loads rows into these columns of the staging table.
    async fn stage(&mut self, columns: Vec<String>, rows: Vec<Staged<'_>>) -> DbResult<()> {
        let few = rows.len() <= FEW;
        let (bulk, single): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| !few && row.iter().all(fits_bulk));
        let staging = self.target.own.name.as_str();
        if !bulk.is_empty() {
            let columns: Vec<_> = columns.iter().map(String::as_str).collect();
            let loaded = self.db.session().await.bulk(staging, &columns, bulk).await;
            self.checked(loaded).await?;
        }
        for row in single {
            let mut params = Vec::new();
            let mut values = Vec::new();
            for value in row {
                // A null without a type of its own is one of any type.
                values.push(if is_null(&value) {
                    "NULL".into()
                } else {
                    params.push(value);
                    format!("@P{}", params.len())
                });
            }
            debug_assert!(params.len() < MOST_PARAMS, "a table has 1024 columns at most");
            let sql = format!(
                "INSERT INTO {staging} ({}) VALUES ({})",
                columns.join(", "),
                values.join(", ")
            );
            let asked = self.db.session().await.ask(&sql, params).await;
            self.checked(asked.map(drop)).await?;
        }
        Ok(())
    }

    async fn checked(&mut self, done: Result<(), dstream_mssql::Fault>) -> DbResult<()> {
        match done {
            Ok(()) => Ok(()),
            Err(fault) => Err(self.db.failed(fault).await),
        }
    }

    /// Statements over what is staged, which is then gone.
    async fn run(&mut self, sql: &str) -> DbResult<()> {
        let sql = format!("{sql}; TRUNCATE TABLE {}", self.target.own.name);
        let done = self.db.session().await.attempt(&sql).await;
        self.checked(done).await
    }

    /// `INSERT … SELECT` of what is staged, with these conditions.
    fn insert(&self, columns: &[usize], filter: &str) -> String {
        let table = &self.table;
        let own: Vec<_> = columns.iter().map(|at| name(self.target.name(*at))).collect();
        let staged = names('c', columns).join(", ");
        let from = &self.target.own.name;
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {staged} FROM {from} AS s{filter}",
            own.join(", ")
        );
        match columns.iter().any(|at| self.target.own.is_identity(*at)) {
            true => {
                format!("SET IDENTITY_INSERT {table} ON; {insert}; SET IDENTITY_INSERT {table} OFF")
            }
            false => insert,
        }
    }

    /// The row of the table is that of the staged key.
    fn same(&self, letter: char) -> String {
        let equal = |at: &usize| format!("t.{} = s.{letter}{at}", name(self.target.name(*at)));
        self.target.key_at.iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// Rows that are there get these columns of those that are staged; `None`: there are none.
    fn update(&self, columns: &[usize], letter: char) -> Option<String> {
        let written = columns.iter().filter(|at| !self.target.own.is_identity(**at));
        let set: Vec<_> =
            written.map(|at| format!("{} = s.c{at}", name(self.target.name(*at)))).collect();
        let (table, from, same) = (&self.table, &self.target.own.name, self.same(letter));
        (!set.is_empty()).then(|| {
            format!(
                "UPDATE t SET {} FROM {table} AS t {HOLD} JOIN {from} AS s ON {same}",
                set.join(", ")
            )
        })
    }

    /// Rows in the place of those with their keys; the others are new.
    fn put(&self, columns: &[usize]) -> String {
        let others: Vec<_> =
            columns.iter().copied().filter(|at| !self.target.key_at.contains(at)).collect();
        let update = self.update(&others, 'c').map(|sql| sql + "; ").unwrap_or_default();
        let (table, same) = (&self.table, self.same('c'));
        let missing = format!(" WHERE NOT EXISTS (SELECT 1 FROM {table} AS t {HOLD} WHERE {same})");
        update + &self.insert(columns, &missing)
    }
}

fn names(letter: char, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|at| format!("{letter}{at}")).collect()
}

fn is_null(value: &ColumnData<'_>) -> bool {
    let mut json = Vec::new();
    match value {
        ColumnData::String(text) => text.is_none(),
        ColumnData::Binary(bytes) => bytes.is_none(),
        other => {
            dstream_mssql::write_json(other, &mut json);
            json == b"null"
        }
    }
}

impl Sets for Writing<'_> {
    /// Not `TRUNCATE`, which needs the right to change the table.
    async fn clear(&mut self) -> DbResult<()> {
        self.run(&statements::clear(&self.db.dialect, &self.target.table.name)).await
    }

    async fn mark_all(&mut self, batch: &Batch<'_>, column: usize, time: usize) -> DbResult<()> {
        let time = self.target.own.value(self.target, column, batch.time(Some(time)))?;
        self.stage(names('c', &[column]), vec![vec![time]]).await?;
        let (table, own, from) =
            (&self.table, name(self.target.name(column)), &self.target.own.name);
        let sql = format!(
            "UPDATE {table} SET {own} = (SELECT c{column} FROM {from}) WHERE {own} IS NULL"
        );
        self.run(&sql).await
    }

    async fn delete(&mut self, batch: &Batch<'_>, keys: &[usize]) -> DbResult<()> {
        let rows = keys.iter().map(|key| self.key(batch, *key)).collect::<DbResult<Vec<_>>>()?;
        self.stage(names('k', &self.target.key_at), rows).await?;
        let (table, from, same) = (&self.table, &self.target.own.name, self.same('k'));
        let sql = format!("DELETE t FROM {table} AS t JOIN {from} AS s ON {same}");
        self.run(&sql).await
    }

    async fn mark(
        &mut self,
        batch: &Batch<'_>,
        column: usize,
        keys: &[(usize, Option<usize>)],
    ) -> DbResult<()> {
        let row = |(key, time): &(usize, Option<usize>)| {
            let mut row = self.key(batch, *key)?;
            row.push(self.target.own.value(self.target, column, batch.time(*time))?);
            Ok::<_, Failure>(row)
        };
        let rows = keys.iter().map(row).collect::<DbResult<Vec<_>>>()?;
        let columns = [names('k', &self.target.key_at), names('c', &[column])].concat();
        self.stage(columns, rows).await?;
        let sql = self.update(&[column], 'k').unwrap_or_default();
        self.run(&sql).await
    }

    async fn upsert(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        self.stage_rows(batch, columns, rows).await?;
        self.run(&self.put(columns)).await
    }

    async fn patch(
        &mut self,
        batch: &mut Batch<'_>,
        columns: &[usize],
        rows: &[usize],
    ) -> DbResult<()> {
        self.upsert(batch, columns, rows).await
    }

    async fn change(
        &mut self,
        batch: &Batch<'_>,
        columns: &[usize],
        (key, row): (usize, usize),
    ) -> DbResult<()> {
        let values = [self.key(batch, key)?, self.cells(batch, columns, row)?].concat();
        let columns_staged = [names('k', &self.target.key_at), names('c', columns)].concat();
        self.stage(columns_staged, vec![values]).await?;
        let put = self.put(columns);
        let sql = match self.update(columns, 'k') {
            Some(update) => format!("{update}; IF @@ROWCOUNT = 0 BEGIN {put} END"),
            None => put,
        };
        self.run(&sql).await
    }
}
