//! What only MySQL's catalog has, and what it must say of a table that is written.

use dstream_sdk::{Error, FieldType, Result};
use dstream_sql::catalog::ask;
use dstream_sql::{Dialect as _, Existing, Reply, Table, TableName};

use crate::database::MySql;
use crate::dialect::{COMMENT, MySqlDialect};

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

/// A key that the table does not tell apart as the stream does is refused: two rows would be one.
pub(crate) fn has_binary_key(table: &Table, existing: &Existing<MySqlDialect>) -> Result<()> {
    let dialect = &existing.dialect;
    for column in table.columns.iter().filter(|column| table.key.contains(&column.name)) {
        // What comes out of a table of MySQL was told apart there already.
        let any_text = column.kind.is_none_or(|k| matches!(k, FieldType::String | FieldType::Enum));
        let found = existing.column(&column.name)?;
        let (kind, collation) = (text(&found.more, 0), text(&found.more, 1));
        let own = dialect.server.binary_collation();
        if column.native.is_none() && any_text && !collation.is_empty() && collation != own {
            let (name, quoted) = (dialect.quote(&column.name), dialect.quote_table(&table.name));
            let message = format!(
                "the column `{}` of the key of `{}` is compared by {collation}, for which two keys of the stream may be one ('a' and 'A', or 'a' and 'a '): ALTER TABLE {quoted} MODIFY {name} {kind} CHARACTER SET utf8mb4 COLLATE {own} NOT NULL",
                column.name, table.name
            );
            return Err(Error::config("key", message));
        }
    }
    Ok(())
}
