//! One stream's table: made or widened, and the statements that write it.

use dstream_protocol::FieldType;
use dstream_sdk::{Error, Result};
use rusqlite::{Connection, OptionalExtension as _};

use crate::bookkeeping::{self, Owner};
use crate::config::{Config, Mode};
use crate::db::fatal;
use crate::raw_row::Columns;
use crate::sql::{Column, Table, evolve, statements};
use crate::sqlite::Sqlite;

/// A table that rows can be written to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) table: Table,
    /// The columns that are written, in the order of the parameters.
    pub(crate) columns: Columns,
    pub(crate) kinds: Vec<Option<FieldType>>,
    /// Where the key's columns stand among them.
    pub(crate) key_at: Vec<usize>,
    /// Columns that rows have and that are not written.
    pub(crate) ignored: Vec<String>,
    /// Writes a whole row.
    pub(crate) write: String,
    pub(crate) dialect: Sqlite,
}

impl Target {
    /// Makes the table fit `wanted`, in the open transaction.
    pub(crate) fn ensure(
        connection: &Connection,
        owner: &Owner,
        config: &Config,
        mut wanted: Table,
    ) -> Result<Self> {
        let existing = existing(connection, &wanted.name)?;
        let strict = existing.as_ref().is_none_or(|(_, strict)| *strict);
        let dialect = Sqlite { strict };
        let names = existing.as_ref().map(|(names, _)| names.as_slice());
        let mut ignored = Vec::new();
        match evolve::plan(&dialect, names, &wanted, config.evolve.into()) {
            evolve::Plan::Create(sql) => {
                run(connection, &sql)?;
                bookkeeping::note_table(connection, owner, &wanted.name)?;
            }
            evolve::Plan::Add(columns) => {
                columns.iter().try_for_each(|(_, sql)| run(connection, sql))?;
            }
            evolve::Plan::Refused(columns) => return Err(refused(&wanted.name, &columns)),
            evolve::Plan::Ignored(columns) => ignored = columns,
            evolve::Plan::Nothing => {}
        }
        wanted.columns.retain(|column| !ignored.contains(&column.name));
        let target = Self::new(config, wanted, ignored, dialect);
        connection.prepare(&target.write).map_err(|e| not_writable(&target, e))?;
        Ok(target)
    }

    fn new(config: &Config, table: Table, ignored: Vec<String>, dialect: Sqlite) -> Self {
        let names: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        let listed: Vec<_> = names.iter().map(String::as_str).collect();
        let write = match config.mode {
            Mode::Append => statements::insert(&dialect, &table.name, &listed),
            Mode::Upsert => statements::upsert(&dialect, &table.name, &listed, &table.key),
        };
        let kinds = table.columns.iter().map(|column| column.kind).collect();
        let at = |key: &String| names.iter().position(|name| name == key);
        let key_at = table.key.iter().filter_map(at).collect();
        Self { columns: Columns::new(names), kinds, key_at, ignored, write, dialect, table }
    }

    /// The table with columns that a row has brought.
    pub(crate) fn with(&self, names: &[String]) -> Table {
        let mut table = self.table.clone();
        table.columns.extend(names.iter().map(Column::untyped));
        table
    }

    /// The type of a column.
    pub(crate) fn kind_of(&self, name: &str) -> Option<FieldType> {
        self.table.columns.iter().find(|column| column.name == name)?.kind
    }
}

fn run(connection: &Connection, sql: &str) -> Result<()> {
    dstream_sdk::tracing::info!(sql, "changing the database");
    connection.execute_batch(sql).map_err(|e| fatal(e).context(sql))
}

/// The table's columns, and whether it is `STRICT`; `None`: there is none.
fn existing(connection: &Connection, table: &str) -> Result<Option<(Vec<String>, bool)>> {
    let sql =
        "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let strict: Option<bool> =
        connection.query_row(sql, [table], |row| row.get(0)).optional().map_err(fatal)?;
    let Some(strict) = strict else { return Ok(None) };
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1)").map_err(fatal)?;
    let names = statement.query_map([table], |row| row.get(0)).map_err(fatal)?;
    let names = names.collect::<rusqlite::Result<_>>().map_err(fatal)?;
    Ok(Some((names, strict)))
}

fn refused(table: &str, columns: &[String]) -> Error {
    Error::permanent(format!(
        "the table `{table}` lacks {}: add them, or set `evolve` to \"add\" or \"ignore\"",
        columns.join(", ")
    ))
}

fn not_writable(target: &Target, error: rusqlite::Error) -> Error {
    let Table { name, key, .. } = &target.table;
    let text = error.to_string();
    if text.contains("ON CONFLICT") {
        let columns = key.join(", ");
        return Error::config(
            "key",
            format!(
                "the table `{name}` has no unique index on ({columns}), which upsert needs: CREATE UNIQUE INDEX … ON \"{name}\" ({columns})"
            ),
        );
    }
    fatal(error).context(format!("cannot write the table `{name}`"))
}
