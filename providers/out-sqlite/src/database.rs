//! SQLite as a [`Database`].

use std::path::Path;

use dstream_sdk::{Error, Result};
use dstream_sql::catalog::no_unique_index;
use dstream_sql::{
    Access, Batch, Database, DbResult, Existing, Loading, Mode, Param, Refused, Reply, Table,
    TableName, TableSettings, Target, TwoPhase, statements,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::changes::Changes;
use crate::checkpointer::Checkpointer;
use crate::config::Settings;
use crate::db::{self, fatal};
use crate::dialect::SqliteDialect;
use crate::existing;

/// A connection.
pub(crate) struct Sqlite {
    /// Before the connection, which is to close last.
    checkpointer: Option<Checkpointer>,
    connection: Connection,
    path: String,
}

/// What writes a table.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Writes a whole row.
    pub(crate) write: String,
    pub(crate) dialect: SqliteDialect,
}

const DIALECT: SqliteDialect = SqliteDialect { strict: true };

impl TwoPhase for Sqlite {}

impl Database for Sqlite {
    type Settings = Settings;
    type Dialect = SqliteDialect;
    type Target = Statements;

    const SYSTEM: &'static str = "sqlite";
    const TITLE: &'static str = "SQLite";
    const LOADING: Loading = Loading::InOrder;

    fn check(settings: &Settings) -> Result<()> {
        settings.check()
    }

    fn place(settings: &Settings) -> String {
        settings.path.clone()
    }

    fn is_gone(settings: &Settings) -> bool {
        settings.path != ":memory:" && !Path::new(&settings.path).exists()
    }

    async fn connect(settings: &Settings, access: Access) -> Result<Option<Self>> {
        let mut connection = match access {
            Access::Look if !Path::new(&settings.path).exists() => return Ok(None),
            Access::Look => {
                // A reader that may not write would leave the log's files behind.
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection =
                    Connection::open_with_flags(&settings.path, flags).map_err(fatal)?;
                connection.pragma_update(None, "query_only", "ON").map_err(fatal)?;
                connection
            }
            Access::Change | Access::Run => db::open(settings, true)?,
        };
        let checkpointer = match access {
            Access::Run => Checkpointer::new(settings, &mut connection)?,
            _ => None,
        };
        Ok(Some(Self { checkpointer, connection, path: settings.path.clone() }))
    }

    fn dialect_before(_: &Settings) -> Option<SqliteDialect> {
        Some(DIALECT)
    }

    fn dialect(&self) -> &SqliteDialect {
        &DIALECT
    }

    fn fingerprint(&self) -> String {
        // `./a.db` is `a.db`.
        let path: std::path::PathBuf = Path::new(&self.path).components().collect();
        format!("sqlite:{}", path.strip_prefix(".").unwrap_or(&path).display())
    }

    async fn about(&mut self) -> Result<String> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
        let tables: u32 = self.connection.query_row(sql, [], |row| row.get(0)).map_err(fatal)?;
        Ok(format!("SQLite {}, {tables} tables", db::version()))
    }

    /// It holds the write lock, so nobody can take over before it ends.
    async fn begin(&mut self) -> Result<()> {
        self.run("BEGIN IMMEDIATE").await
    }

    async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").await?;
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.committed(&self.connection);
        }
        Ok(())
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(fatal)
    }

    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let mut statement = self.connection.prepare(sql).map_err(fatal)?;
        let rows = statement.execute(params_from_iter(params.iter().map(value))).map_err(fatal)?;
        Ok(rows as u64)
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Reply>> {
        let mut statement = self.connection.prepare(sql).map_err(fatal)?;
        let width = statement.column_count();
        let reply =
            |row: &rusqlite::Row<'_>| (0..width).map(|at| Ok(text(row.get_ref(at)?))).collect();
        let rows = statement.query_map(params_from_iter(params.iter().map(value)), reply);
        rows.map_err(fatal)?.collect::<rusqlite::Result<_>>().map_err(fatal)
    }

    async fn existing(&mut self, table: &TableName) -> Result<Option<Existing<SqliteDialect>>> {
        existing::existing(&self.connection, &table.name)
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<SqliteDialect>,
        settings: &TableSettings,
    ) -> Result<Statements> {
        let dialect = existing.dialect;
        let columns: Vec<_> = table.names().collect();
        let key: Vec<_> = table.key.iter().map(String::as_str).collect();
        let write = match settings.mode {
            Mode::Upsert => statements::upsert(&dialect, &table.name, &columns, &key),
            Mode::Append | Mode::History => statements::insert(&dialect, &table.name, &columns),
        };
        self.connection.prepare(&write).map_err(|error| not_writable(table, error))?;
        Ok(Statements { write, dialect })
    }

    async fn load(
        &mut self,
        target: &Target<Statements>,
        batch: &mut Batch<'_>,
        _: Mode,
        refused: &mut Refused,
    ) -> DbResult<()> {
        Changes::new(&self.connection, target, batch).write(refused)
    }
}

fn value<'p>(param: &Param<'p>) -> ToSqlOutput<'p> {
    match param {
        Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Param::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

fn not_writable(table: &Table, error: rusqlite::Error) -> Error {
    if error.to_string().contains("ON CONFLICT") {
        return no_unique_index(&DIALECT, table);
    }
    fatal(error).context(format!("cannot write the table `{}`", table.name))
}
