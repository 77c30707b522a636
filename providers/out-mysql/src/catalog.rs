//! What only MySQL's catalog has, and what it must say of a table that is written.

use dstream_sdk::{Error, Result};
use dstream_sql::catalog::ask;
use dstream_sql::{Dialect as _, Reply, TableName};

use crate::database::MySql;
use crate::dialect::COMMENT;

/// Each column of each unique index; those on a part of a column do not tell rows apart.
pub(crate) const UNIQUE: &str = "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART IS NULL \
     FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA = {1} AND TABLE_NAME = {2} AND NON_UNIQUE = 0";

const TABLE: &str = "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, COALESCE(e.TRANSACTIONS, 'YES'), t.TABLE_COMMENT, t.ENGINE \
     FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
     WHERE TABLE_SCHEMA = {1} AND TABLE_NAME = {2}";

fn text(row: &Reply, at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or_default()
}

/// Refuses a table whose rows cannot be taken back.
pub(crate) async fn has_transactions(db: &mut MySql, table: &TableName) -> Result<()> {
    let rows = ask(db, table, TABLE).await?;
    match rows.iter().find(|row| text(row, 0) != "YES") {
        None => Ok(()),
        Some(row) => Err(Error::permanent(format!(
            "the table `{table}` is stored by {}, which has no transactions, so that its rows and the checkpoint cannot be one: ALTER TABLE {} ENGINE = InnoDB",
            text(row, 2),
            db.dialect.quote_table(table)
        ))),
    }
}

/// Whether dstream made the table; also one that is not there.
pub(crate) async fn is_ours(db: &mut MySql, table: &TableName) -> Result<bool> {
    Ok(ask(db, table, TABLE).await?.iter().all(|row| text(row, 1).contains(COMMENT)))
}
