//! Looks at what is there.

use dstream_sdk::Result;
use dstream_sql::{Existing, Found};
use rusqlite::{Connection, OptionalExtension as _};

use crate::db::fatal;
use crate::dialect::SqliteDialect;

/// The table's columns, and whether it is `STRICT`; `None`: there is none.
pub(crate) fn existing(
    connection: &Connection,
    table: &str,
) -> Result<Option<Existing<SqliteDialect>>> {
    let sql =
        "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let strict: Option<bool> =
        connection.query_row(sql, [table], |row| row.get(0)).optional().map_err(fatal)?;
    let Some(strict) = strict else { return Ok(None) };
    let sql = "SELECT name, hidden IN (2, 3), type FROM pragma_table_xinfo(?1) WHERE hidden <> 1";
    let found = |row: &rusqlite::Row<'_>| {
        let (name, generated, data_type) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Found { name, generated, data_type, collation: None, more: Vec::new() })
    };
    let columns = connection.prepare(sql).and_then(|mut statement| {
        statement.query_map([table], found)?.collect::<rusqlite::Result<_>>()
    });
    Ok(Some(Existing { columns: columns.map_err(fatal)?, dialect: SqliteDialect { strict } }))
}
