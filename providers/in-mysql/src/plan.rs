//! How a table's snapshot is read: its columns, its order, its lanes.

use std::io::Write;

use dstream_cdc::{Key, KeyPart, TableState};
use dstream_mysql::mysql_async::Conn;
use dstream_mysql::mysql_async::prelude::Queryable;
use dstream_mysql::{error, name, table_name};
use dstream_sdk::{Context, Error, Result, tracing};

use crate::catalog;
use crate::position::Position;
use crate::resolve;
use crate::table::{KeyOrder, Table, key_order};
use crate::text;

/// A table has a lane for so many rows, if its key is one integer.
const ROWS_PER_LANE: u64 = 200_000;

/// A table that is to be read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) database: String,
    pub(crate) table_name: String,
    pub(crate) table: Table,
    /// How the key's columns are ordered; empty: there is no key that both sides can compare.
    pub(crate) order: Vec<KeyOrder>,
}

impl Plan {
    pub(crate) async fn of(
        conn: &mut Conn,
        database: &str,
        table: &str,
        mariadb: bool,
    ) -> Result<Self> {
        let found = catalog::table(conn, database, table, mariadb).await?;
        if found.columns.is_empty() {
            return Err(Error::auth(format!(
                "the columns of `{database}`.`{table}` cannot be seen: GRANT SELECT ON it to the user"
            )));
        }
        let table_read = resolve::from_catalog(database, table, &found);
        let key = table_read.key.iter().map(|at| key_order(&table_read.columns[*at].wire));
        let order = key.collect::<Option<Vec<_>>>().unwrap_or_default();
        let (database, table_name) = (database.to_owned(), table.to_owned());
        Ok(Self { database, table_name, table: table_read, order })
    }

    pub(crate) fn name(&self) -> (String, String) {
        (self.database.clone(), self.table_name.clone())
    }

    /// The table's state before anything is read.
    pub(crate) async fn state(
        &self,
        conn: &mut Conn,
        parallel: bool,
    ) -> Result<TableState<Position>> {
        if self.order.is_empty() {
            tracing::info!(
                stream = self.table.stream(),
                "the table has no key that its rows can be ordered by: should the run end before \
                 it is read, it is read again from its beginning"
            );
            return Ok(TableState::new(Vec::new(), Vec::new()));
        }
        let splits = if parallel { self.splits(conn).await? } else { Vec::new() };
        Ok(TableState::new(self.table.schema.key.clone(), splits))
    }

    /// Keys that part a large table evenly, where its key is one integer.
    async fn splits(&self, conn: &mut Conn) -> Result<Vec<Key>> {
        let ([KeyOrder::Int], [column]) = (&self.order[..], &self.table.key[..]) else {
            return Ok(Vec::new());
        };
        let rows: Option<Option<u64>> = conn
            .exec_first(
                "SELECT TABLE_ROWS FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
                (&self.database, &self.table_name),
            )
            .await
            .map_err(error)?;
        let lanes = (rows.flatten().unwrap_or_default() / ROWS_PER_LANE).min(16);
        if lanes < 2 {
            return Ok(Vec::new());
        }
        let column = name(&self.table.columns[*column].name);
        let table = table_name(&self.database, &self.table_name);
        let sql = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
        let ends: Option<(Option<i64>, Option<i64>)> =
            conn.query_first(sql).await.map_err(error).context("cannot part the table")?;
        let Some((Some(first), Some(last))) = ends else { return Ok(Vec::new()) };
        let (first, last, lanes) = (i128::from(first), i128::from(last), i128::from(lanes));
        let at =
            |lane: i128| i64::try_from(first + (last - first) * lane / lanes).unwrap_or(i64::MAX);
        let mut splits: Vec<i64> = (1..lanes).map(at).collect();
        splits.dedup();
        Ok(splits.into_iter().map(|split| Key(vec![KeyPart::Int(split)])).collect())
    }

    /// What follows each row: `,"metadata":{…}}`.
    pub(crate) fn tail(&self, point: &Position) -> Vec<u8> {
        let mut tail = br#","metadata":{"stream":"#.to_vec();
        text::string(self.table.stream().as_bytes(), &mut tail);
        let position = format!("{}/{:010}", point.file, point.offset);
        // Writing to a Vec does not fail.
        drop(write!(tail, r#","op":"read","position":"{position}"}}}}"#));
        tail
    }
}
