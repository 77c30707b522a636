//! check, plan, init, status and destroy.

use std::path::Path;

use dstream_protocol::{LifecycleReport, Resource};
use dstream_sdk::{Check, Infrastructure, Result, TaskContext};
use rusqlite::{Connection, OpenFlags};

use crate::bookkeeping::{self, NAMES, Owner};
use crate::config::Config;
use crate::db::{self, fatal};
use crate::output::SqliteOutput;
use crate::sql::Dialect as _;
use crate::sqlite::Sqlite;

const DIALECT: Sqlite = Sqlite { strict: true };

impl Check for SqliteOutput {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        config.check()?;
        let Some(connection) = read_only(&config)? else {
            return Ok(format!("{} is not there yet and will be made", config.path));
        };
        let tables: u32 = count(&connection, "sqlite_schema WHERE type = 'table'")?;
        Ok(format!("SQLite {}, {tables} tables", db::version()))
    }
}

impl Infrastructure for SqliteOutput {
    type Config = Config;

    async fn plan(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        config.check()?;
        let connection = read_only(&config)?;
        let there = |table: &str| match &connection {
            Some(connection) => exists(connection, table),
            None => Ok(false),
        };
        let database = if connection.is_some() { "none" } else { "create" };
        let mut report =
            LifecycleReport::ok().with(Resource::new("database", &config.path, database));
        for table in NAMES {
            let action = if there(table)? { "none" } else { "create" };
            report = report.with(Resource::new("table", table, action));
        }
        let (name, action) = match config.fixed_table() {
            Some(table) if there(table)? => (table, "none"),
            Some(table) => (table, "create"),
            None => ("one for each stream, with its name", "create"),
        };
        let detail = "made and widened by the run, from the schema of the stream";
        let table = Resource::new("table", name, action);
        Ok(report.with(if action == "none" { table } else { table.detail(detail) }))
    }

    async fn init(config: Config, _: &TaskContext) -> Result<LifecycleReport> {
        config.check()?;
        let action = if Path::new(&config.path).exists() { "exists" } else { "created" };
        let connection = db::open(&config, true)?;
        let mut report =
            LifecycleReport::ok().with(Resource::new("database", &config.path, action));
        for table in NAMES {
            let action = if exists(&connection, table)? { "exists" } else { "created" };
            report = report.with(Resource::new("table", table, action));
        }
        bookkeeping::create(&connection)?;
        Ok(report)
    }

    async fn status(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check()?;
        let Some(connection) = read_only(&config)? else {
            return Ok(LifecycleReport::ok().with(Resource::new(
                "database",
                &config.path,
                "absent",
            )));
        };
        let mut report =
            LifecycleReport::ok().with(Resource::new("database", &config.path, "exists"));
        if !exists(&connection, NAMES[0])? {
            return Ok(report);
        }
        let owner = owner(context);
        for table in bookkeeping::tables(&connection, &owner)? {
            let resource = if exists(&connection, &table)? {
                let rows: u64 = count(&connection, &DIALECT.quote(&table))?;
                Resource::new("table", &table, "exists").detail(format!("{rows} rows"))
            } else {
                Resource::new("table", &table, "absent")
            };
            report = report.with(resource);
        }
        for (input, parts) in bookkeeping::states(&connection, &owner)? {
            for (part, state) in parts {
                let name = if part.is_empty() { input.clone() } else { format!("{input}/{part}") };
                report =
                    report.with(Resource::new("checkpoint", name, "exists").detail(state.get()));
            }
        }
        Ok(report)
    }

    async fn destroy(config: Config, context: &TaskContext) -> Result<LifecycleReport> {
        config.check()?;
        if !Path::new(&config.path).exists() {
            return Ok(LifecycleReport::ok().with(Resource::new(
                "database",
                &config.path,
                "absent",
            )));
        }
        let connection = db::open(&config, false)?;
        let mut report = LifecycleReport::ok();
        if !exists(&connection, NAMES[0])? {
            return Ok(report);
        }
        let owner = owner(context);
        connection.execute_batch("BEGIN IMMEDIATE").map_err(fatal)?;
        for table in bookkeeping::tables(&connection, &owner)? {
            drop_table(&connection, &table)?;
            report = report.with(Resource::new("table", table, "deleted"));
        }
        bookkeeping::forget(&connection, &owner)?;
        for table in remove_bookkeeping(&connection)? {
            report = report.with(Resource::new("table", table, "deleted"));
        }
        connection.execute_batch("COMMIT").map_err(fatal)?;
        report.message = Some(format!("the database file {} is left where it is", config.path));
        Ok(report)
    }
}

/// The bookkeeping goes when no task uses it any more.
fn remove_bookkeeping(connection: &Connection) -> Result<Vec<&'static str>> {
    for table in NAMES {
        let rows: u64 = count(connection, table)?;
        if rows > 0 {
            return Ok(Vec::new());
        }
    }
    NAMES.iter().try_for_each(|table| drop_table(connection, table))?;
    Ok(NAMES.to_vec())
}

fn drop_table(connection: &Connection, table: &str) -> Result<()> {
    let sql = format!("DROP TABLE IF EXISTS {}", DIALECT.quote(table));
    connection.execute_batch(&sql).map_err(fatal)
}

fn owner(context: &TaskContext) -> Owner {
    Owner::new(&context.task_id, &context.task, &context.name)
}

/// Looks without changing anything; `None`: there is no database.
fn read_only(config: &Config) -> Result<Option<Connection>> {
    if !Path::new(&config.path).exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(&config.path, flags).map(Some).map_err(fatal)
}

fn exists(connection: &Connection, table: &str) -> Result<bool> {
    let sql =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    connection.query_row(sql, [table], |row| row.get::<_, u32>(0)).map(|n| n > 0).map_err(fatal)
}

fn count<T: rusqlite::types::FromSql>(connection: &Connection, from: &str) -> Result<T> {
    connection
        .query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0))
        .map_err(fatal)
}
