//! `check` and `discover`.

use dstream_mssql::Session;
use dstream_sdk::{Check, Discover, Result, StreamSchema, TaskContext};

use crate::catalog::{self, Database};
use crate::config::{Config, Tables};
use crate::input::MssqlInput;
use crate::{explain, start};

/// A connection, and what the config means.
pub(crate) async fn connected(config: &Config) -> Result<(Session, Database, Tables)> {
    let meant = config.check()?;
    let mut session = Session::connect(&config.connection).await?;
    let database = catalog::database(&mut session).await?;
    Ok((session, database, meant))
}

impl Check for MssqlInput {
    type Config = Config;

    async fn check(config: Config, _: &TaskContext) -> Result<String> {
        let (mut session, database, meant) = connected(&config).await?;
        let tables = start::tables(&mut session, &database, &meant).await?;
        for instances in &tables {
            start::oldest(&mut session, &instances[0]).await?;
        }
        catalog::warn_of_agent(&mut session).await;
        let newest = start::newest(&mut session).await?;
        let newest = newest
            .map_or("nothing is captured yet".to_owned(), |lsn| format!("captured up to {lsn}"));
        let Database { server, name, version, .. } = &database;
        Ok(format!(
            "SQL Server {version} at {server}, database `{name}`, {} tables, {newest}",
            tables.len()
        ))
    }
}

impl Discover for MssqlInput {
    type Config = Config;

    async fn discover(config: Config, _: &TaskContext) -> Result<Vec<StreamSchema>> {
        let (mut session, database, meant) = connected(&config).await?;
        for table in catalog::tables(&mut session).await? {
            if !table.is_tracked {
                dstream_sdk::tracing::info!(
                    table = format!("{}.{}", table.schema, table.name),
                    turn_on = explain::table_off(&table.schema, &table.name),
                    "change data capture is off"
                );
            }
        }
        if !database.has_cdc {
            return Err(explain::database_off(&database.name));
        }
        let instances = catalog::instances(&mut session, &database, &meant).await?;
        Ok(instances.into_iter().map(|instance| instance.stream).collect())
    }
}
