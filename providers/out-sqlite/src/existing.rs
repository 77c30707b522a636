//! Looks at what is there.

use dstream_sdk::Result;
use dstream_sql::Existing;
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
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        statement.query_map([table], |row| row.get(0))?.collect()
    };
    let columns = names("SELECT name FROM pragma_table_info(?1)").map_err(fatal)?;
    let generated = names("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden IN (2, 3)");
    let generated = generated.map_err(fatal)?;
    Ok(Some(Existing { columns, generated, dialect: SqliteDialect { strict } }))
}
